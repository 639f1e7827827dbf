import type { Assessment } from '../domain/assessment.ts';
import type { PictureMatch } from '../domain/picture.ts';
import { type Policy, verdictOf } from '../domain/policy.ts';
import type { Score } from '../domain/score.ts';

/**
 * A bale does more harm than a jacket, so of two equally sure flags the wholesale one is reviewed first; sureness
 * weighs more, because a reviewer's time is wasted by a wrong flag of either kind.
 */
const surenessWeight = 0.7;
const bulkWeight = 0.3;

/**
 * Draws the verdict that a policy gives a score, and the place in the queue: 0.7 · probability + 0.3 · bulk, in
 * [0, 1].
 */
export function assess(
  score: Score,
  policy: Policy,
  pictures: { captures: (string | null)[]; pictureMatches: PictureMatch[] } = {
    captures: [],
    pictureMatches: [],
  },
): Assessment {
  return {
    ...score,
    ...pictures,
    policyVersion: policy.version,
    verdict: verdictOf(score, policy),
    priority: surenessWeight * score.probability + bulkWeight * score.elements.bulk,
  };
}
