import { z } from 'zod';
import { Assessment } from '../domain/assessment.ts';
import { Bilingual, TermMatch } from '../domain/lexicon-term.ts';
import { Policy } from '../domain/policy.ts';
import type { Services } from '../services.ts';
import { giveReason } from '../triage/reasons.ts';

/** An assessment as the API shows it: with its reason, the words of the trade in the text, and the policy's promise. */
export const AssessmentView = Assessment.extend({
  reason: Bilingual,
  terms: z.array(TermMatch),
  /** What the policy that drew the verdict promises of its flags; null when it is no longer in force. */
  promise: Policy.shape.promise.nullable(),
});

/** Adds what is not stored, because text and assessment decide it. */
export function viewAssessment<T extends Assessment>(
  text: string,
  assessment: T,
  { classifier, lexicon }: Pick<Services, 'classifier' | 'lexicon'>,
): T & Omit<z.infer<typeof AssessmentView>, keyof Assessment> {
  return {
    ...assessment,
    reason: giveReason(text, assessment),
    terms: lexicon.find(text),
    promise: assessment.policyVersion === classifier.policy.version ? classifier.policy.promise : null,
  };
}
