import { v7 as uuid } from 'uuid';
import type { Assessment } from '../domain/assessment.ts';
import { insertAssessments } from './assessments.ts';
import type { Db } from './db.ts';

/** A listing in the caller's hands: its present text, and what was last said of it. */
export type LockedListing = {
  id: string;
  revision: number;
  text: string;
  duplicateGroupId: string | null;
  assessment: Omit<Assessment, 'spans'> | null;
};

/** Takes a listing's row lock, in the caller's transaction; null when there is none. */
export async function lockListing(trx: Db, listingId: string): Promise<LockedListing | null> {
  // Before the assessment is looked up: in one statement that waited for the lock, the newest would seem to be missing.
  await trx.selectFrom('listing').where('id', '=', listingId).select('id').forUpdate().execute();
  const row = await trx
    .selectFrom('listing')
    .leftJoin('assessment', 'assessment.id', 'listing.assessment_id')
    .where('listing.id', '=', listingId)
    .select(['listing.id', 'listing.revision', 'listing.text', 'listing.duplicate_group_id'])
    .select(['assessment.probability', 'assessment.verdict', 'assessment.priority'])
    .select(['assessment.model_version', 'assessment.policy_version'])
    .select(['assessment.captures', 'assessment.picture_matches'])
    .select(['assessment.clothing', 'assessment.used', 'assessment.imported'])
    .select(['assessment.offered', 'assessment.bulk'])
    .executeTakeFirst();
  if (row === undefined) return null;
  const { id, revision, text, probability, verdict, priority, model_version, policy_version } = row;
  const { clothing, used, imported, offered, bulk } = row;
  const assessed =
    probability === null ||
    verdict === null ||
    priority === null ||
    model_version === null ||
    policy_version === null ||
    clothing === null ||
    used === null ||
    imported === null ||
    offered === null ||
    bulk === null
      ? null
      : {
          probability,
          elements: { clothing, used, imported, offered, bulk },
          captures: row.captures ?? [],
          pictureMatches: row.picture_matches ?? [],
          modelVersion: model_version,
          policyVersion: policy_version,
          verdict,
          priority,
        };
  return { id, revision, text, duplicateGroupId: row.duplicate_group_id, assessment: assessed };
}

/**
 * Records one more assessment of a listing's present text and puts it in force, in the caller's transaction.
 *
 * @param duplicateGroupId the group of its text from now on
 */
export async function replaceAssessment(
  trx: Db,
  { id, revision }: LockedListing,
  assessment: Assessment,
  duplicateGroupId: string | null,
): Promise<{ listingId: string; revision: number; assessmentId: string; priority: number }> {
  const assessmentId = uuid();
  await insertAssessments(trx, [{ id: assessmentId, listingId: id, revision, assessment }]);
  await trx
    .updateTable('listing')
    .set({
      assessment_id: assessmentId,
      verdict: assessment.verdict,
      probability: assessment.probability,
      duplicate_group_id: duplicateGroupId,
      updated_at: new Date(),
    })
    .where('id', '=', id)
    .execute();
  return { listingId: id, revision, assessmentId, priority: assessment.priority };
}
