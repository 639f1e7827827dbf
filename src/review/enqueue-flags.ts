import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Db } from '../store/db.ts';

/** A flagged revision of a listing, with the assessment that flagged it. */
export type Flag = { listingId: string; revision: number; assessmentId: string; priority: number };

/**
 * Queues flags for review, in the caller's transaction, each listing at most once in `flags`. There is one review
 * for each revision of a listing:
 * - a waiting review of an older revision moves to the new one; a claim on it ends, since the reviewer looked at
 *   another text, and its token goes stale;
 * - the same revision again only brings a waiting, unclaimed review up to date with a newer assessment;
 * - a revision that was decided stays decided.
 *
 * The caller holds the listings' row locks (saveListings takes them), so no two calls race for one listing.
 */
export async function enqueueFlags(trx: Db, flags: readonly Flag[]): Promise<void> {
  if (flags.length === 0) return;
  const byListing = new Map(flags.map((flag) => [flag.listingId, flag]));
  const known = await trx
    .selectFrom('review')
    .where('listing_id', 'in', [...byListing.keys()])
    .select(['id', 'listing_id', 'revision', 'state', 'assessment_id'])
    .orderBy('id')
    .forUpdate()
    .execute();
  const fresh = new Map(byListing);
  for (const review of known) {
    const flag = byListing.get(review.listing_id);
    if (flag === undefined) continue;
    if (review.revision === flag.revision) {
      fresh.delete(flag.listingId);
      if (review.state === 'waiting' && review.assessment_id !== flag.assessmentId)
        await refresh(trx, review.id, flag);
    } else if (review.state === 'waiting' && review.revision < flag.revision) {
      fresh.delete(flag.listingId);
      await moveOn(trx, review.id, flag);
    }
  }
  if (fresh.size === 0) return;
  await trx
    .insertInto('review')
    .values(
      [...fresh.values()].map((flag) => ({
        id: uuid(),
        listing_id: flag.listingId,
        revision: flag.revision,
        assessment_id: flag.assessmentId,
        state: 'waiting' as const,
        priority: flag.priority,
        claimed_by: null,
      })),
    )
    .execute();
}

async function refresh(trx: Db, reviewId: string, flag: Flag): Promise<void> {
  await trx
    .updateTable('review')
    .set({ assessment_id: flag.assessmentId, priority: flag.priority })
    .where('id', '=', reviewId)
    .where((eb) =>
      eb.or([eb('claim_expires_at', 'is', null), eb('claim_expires_at', '<=', sql<Date>`clock_timestamp()`)]),
    )
    .execute();
}

async function moveOn(trx: Db, reviewId: string, flag: Flag): Promise<void> {
  await trx
    .updateTable('review')
    .set((eb) => ({
      revision: flag.revision,
      assessment_id: flag.assessmentId,
      priority: flag.priority,
      claimed_by: null,
      claim_expires_at: null,
      claim_token: eb('claim_token', '+', 1),
    }))
    .where('id', '=', reviewId)
    .execute();
}
