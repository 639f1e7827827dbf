import { z } from 'zod';
import { Verdict } from './policy.ts';
import { Score } from './score.ts';

/** A score with the verdict that one policy drew from it. */
export const Assessment = Score.extend({
  policyVersion: z.string(),
  verdict: Verdict,
  /** Place in the review queue, higher first; 0 to 1. Only flags are queued. */
  priority: z.number().min(0).max(1),
});
export type Assessment = z.infer<typeof Assessment>;
