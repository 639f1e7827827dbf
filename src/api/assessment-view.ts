import { z } from 'zod';
import { Assessment } from '../domain/assessment.ts';
import { Bilingual, TermMatch } from '../domain/lexicon-term.ts';
import { Policy } from '../domain/policy.ts';
import type { Services } from '../services.ts';
import { giveReason } from '../triage/reasons.ts';

/** An assessment as the API shows it: with its reason, and what the policy promises. */
export const AssessmentView = Assessment.extend({
  reason: Bilingual,
  /** The words of the trade in the text; where they were not asked for, there are none. */
  terms: z.array(TermMatch).optional(),
  /** What the policy that drew the verdict promises of its flags; null when it is no longer in force. */
  promise: Policy.shape.promise.nullable(),
});

/**
 * Adds what is not stored, because texts and assessment decide it.
 *
 * @param pictureTexts the texts of the pictures that the assessment counts
 */
export function viewAssessment<T extends Assessment>(
  text: string,
  pictureTexts: readonly string[],
  assessment: T,
  { classifier, lexicon }: Pick<Services, 'classifier' | 'lexicon'>,
  { terms }: { terms: boolean },
): T & Omit<z.infer<typeof AssessmentView>, keyof Assessment> {
  return {
    ...assessment,
    reason: giveReason(text, assessment, pictureTexts),
    ...(terms ? { terms: lexicon.find(text) } : {}),
    promise: assessment.policyVersion === classifier.policy.version ? classifier.policy.promise : null,
  };
}
