import { z } from 'zod';
import { ElementProbabilities, elements } from './element.ts';

export const verdicts = ['flag', 'watch', 'clear'] as const;
/** `flag` waits for a reviewer, `watch` is kept and sampled but not queued, `clear` needs nobody. */
export const Verdict = z.enum(verdicts);
export type Verdict = z.infer<typeof Verdict>;

const Probability = z.number().min(0).max(1);

/** The thresholds that turn a score into a verdict, with the promise they were chosen for. */
export const Policy = z.object({
  version: z.string().min(1),
  /** A listing is flagged when its probability is at least this and every required element reaches its floor. */
  flagAt: Probability,
  /** Under `flagAt`, a listing is watched when its probability is at least this. */
  watchAt: Probability,
  /** Lowest probability of each element with which a listing may still be flagged; 0 asks for nothing. */
  elementFloors: ElementProbabilities,
  /** Where `flagAt` comes from. */
  promise: z.object({
    /** Lower 95 % bound of the precision of flags on the listings below. */
    precisionLowerBound: Probability,
    /** Share of true offers on the same listings that were flagged. */
    recall: Probability,
    /** Listings the promise rests on, and how many of them were flagged. */
    n: z.int().min(0),
    flagged: z.int().min(0),
    /** How the bound was computed, in words, with its source. */
    method: z.string(),
    /** What holds for real texts that offer nothing of the kind; absent where the model was made without any. */
    falseFlags: z
      .object({
        /** Of 10,000 more such texts, at most this many are flagged on average. */
        per10k: z.number().min(0),
        /** Real texts it rests on, and how many of them were flagged. */
        n: z.int().min(0),
        flagged: z.int().min(0),
        /** How the bound was computed, in words, with its source. */
        method: z.string(),
      })
      .optional(),
  }),
});
export type Policy = z.infer<typeof Policy>;

/**
 * The verdict that a policy gives: `flag` when the probability reaches `flagAt` and every element its floor, else
 * `watch` from `watchAt` on, else `clear`. Kept beside the policy because both triage and the choice of the
 * thresholds must mean the same by it.
 */
export function verdictOf(
  score: { probability: number; elements: ElementProbabilities },
  policy: Pick<Policy, 'flagAt' | 'watchAt' | 'elementFloors'>,
): Verdict {
  const floorsReached = elements.every((element) => score.elements[element] >= policy.elementFloors[element]);
  if (score.probability >= policy.flagAt && floorsReached) return 'flag';
  return score.probability >= policy.watchAt ? 'watch' : 'clear';
}
