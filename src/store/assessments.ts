import type { BriefAssessment } from '../domain/assessment.ts';
import type { Db } from './db.ts';
import { insertRecords, type RecordOf } from './records.ts';
import { packSpans } from './spans.ts';

/** An assessment of one revision of a listing, with the id it is to have. */
export type NewAssessment = { id: string; listingId: string; revision: number; assessment: BriefAssessment };

/** Writes assessments down; none is in force by that alone. */
export async function insertAssessments(trx: Db, rows: readonly NewAssessment[]): Promise<void> {
  await insertRecords(trx, 'assessment', rows.map(assessmentRecord));
}

/** An assessment as its table holds it. */
export function assessmentRecord({
  id,
  listingId,
  revision,
  assessment,
}: NewAssessment): RecordOf<'assessment'> {
  return {
    id,
    listing_id: listingId,
    revision,
    model_version: assessment.modelVersion,
    policy_version: assessment.policyVersion,
    probability: assessment.probability,
    ...assessment.elements,
    spans: assessment.spans === null ? null : packSpans(assessment.spans),
    captures: assessment.captures,
    picture_matches: assessment.pictureMatches,
    verdict: assessment.verdict,
    priority: assessment.priority,
  };
}
