import { sql } from 'kysely';
import { type Db, inTransaction } from '../store/db.ts';
import { mostDuplicatesShown } from './find-duplicates.ts';
import { type ClaimedReview, findReviews, isClaimed } from './review-view.ts';

/**
 * Gives a reviewer the next waiting reviews: highest priority first, then oldest. A claim is a lease: it ends at
 * `claim.expiresAt` unless renewed, and then the review can be claimed again. Every claim has a greater token than
 * the one before, and only the newest token counts (Kleppmann, "How to do distributed locking": fencing tokens).
 *
 * Of near-duplicates one review is given, and shows the others.
 *
 * Reviewers who claim at the same moment skip each other's rows instead of waiting.
 *
 * @returns fewer than `limit`, or none, when the queue holds no more for this reviewer
 */
export async function claimReviews(
  db: Db,
  reviewerId: string,
  options: { limit: number; leaseMs: number },
): Promise<ClaimedReview[]> {
  return await inTransaction(db, async (trx) => {
    const next = await trx
      .selectFrom('review')
      .where('state', '=', 'waiting')
      .where((eb) => eb.not('behind'))
      .where((eb) =>
        eb.or([
          eb('claim_expires_at', 'is', null),
          eb('claim_expires_at', '<=', sql<Date>`clock_timestamp()`),
        ]),
      )
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('review_skip')
              .whereRef('review_skip.review_id', '=', 'review.id')
              .where('review_skip.reviewer_id', '=', reviewerId)
              .where('review_skip.until', '>', sql<Date>`clock_timestamp()`)
              .select('review_skip.review_id'),
          ),
        ),
      )
      .orderBy('priority', 'desc')
      .orderBy('id')
      .limit(options.limit)
      .select('id')
      .forUpdate()
      .skipLocked()
      .execute();
    const ids = next.map(({ id }) => id);
    if (ids.length === 0) return [];
    await trx
      .updateTable('review')
      .set((eb) => ({
        claimed_by: reviewerId,
        claim_token: eb('claim_token', '+', 1),
        claim_expires_at: leaseEnd(options.leaseMs),
      }))
      .where('id', 'in', ids)
      .execute();
    return (await findReviews(trx, ids, { duplicates: mostDuplicatesShown })).filter(isClaimed);
  });
}

/** The database's own clock counts leases, so that processes need not agree on the time. */
export function leaseEnd(leaseMs: number) {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${leaseMs / 1000})`;
}
