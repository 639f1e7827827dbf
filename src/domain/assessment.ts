import { z } from 'zod';
import { PictureMatch } from './picture.ts';
import { Verdict } from './policy.ts';
import { Score } from './score.ts';

/** A score with the verdict that one policy drew from it. */
export const Assessment = Score.extend({
  /**
   * Frozen copies of the listing's pictures that were scored too, by SHA-256, in the order of the pictures and null for
   * one without a copy; none where no picture said anything.
   */
  captures: z.array(z.string().nullable()),
  /** Those that are known from other listings, and what that added. */
  pictureMatches: z.array(PictureMatch),
  policyVersion: z.string(),
  verdict: Verdict,
  /** Place in the review queue, higher first; 0 to 1. Only flags are queued. */
  priority: z.number().min(0).max(1),
});
export type Assessment = z.infer<typeof Assessment>;

/** An assessment whose spans may be left out, since its model says the same again when somebody wants to see them. */
export type BriefAssessment = Omit<Assessment, 'spans'> & { spans: Assessment['spans'] | null };
