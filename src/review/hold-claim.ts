import { sql } from 'kysely';
import { AppError } from '../domain/app-error.ts';
import type { Db } from '../store/db.ts';
import { inTransaction } from '../store/db.ts';
import { leaseEnd } from './claim-reviews.ts';

/** A reviewer's claim as they present it. */
export type ClaimTicket = { reviewId: string; reviewerId: string; token: number };

/** A skipped review is not offered to the same reviewer for half a day: by then a shift has passed. */
const skipForMs = 12 * 60 * 60 * 1000;

/**
 * Locks the claimed review's row until the transaction ends.
 *
 * A lease that ran out is refused even when nobody else has taken the review since: whether a late decision counts
 * must not depend on who else happened to be at work.
 *
 * @throws AppError REVIEW_NOT_FOUND, or CLAIM_STALE when the token is not the newest or its lease ran out
 */
export async function requireClaim(trx: Db, ticket: ClaimTicket): Promise<void> {
  const review = await trx
    .selectFrom('review')
    .where('id', '=', ticket.reviewId)
    .select([
      'state',
      'claimed_by',
      'claim_token',
      sql<boolean>`claim_expires_at > clock_timestamp()`.as('live'),
    ])
    .forUpdate()
    .executeTakeFirst();
  if (review === undefined)
    throw new AppError('REVIEW_NOT_FOUND', 404, `there is no review ${ticket.reviewId}`);
  const held =
    review.state === 'waiting' &&
    review.claimed_by === ticket.reviewerId &&
    review.claim_token === ticket.token &&
    review.live;
  if (!held) {
    throw new AppError(
      'CLAIM_STALE',
      409,
      'this claim has ended or another reviewer has it; claim the next review',
      {
        issues: [
          { field: 'token', message: 'is no longer the newest, or its lease has run out; claim again' },
        ],
      },
    );
  }
}

/**
 * Holds a claim for another `leaseMs` from now; its token stays.
 *
 * @throws AppError as requireClaim
 */
export async function renewClaim(
  db: Db,
  ticket: ClaimTicket,
  leaseMs: number,
): Promise<{ token: number; expiresAt: Date }> {
  return await inTransaction(db, async (trx) => {
    await requireClaim(trx, ticket);
    const { claim_expires_at: expiresAt } = await trx
      .updateTable('review')
      .set({ claim_expires_at: leaseEnd(leaseMs) })
      .where('id', '=', ticket.reviewId)
      .returning('claim_expires_at')
      .executeTakeFirstOrThrow();
    if (expiresAt === null) throw new Error('a renewed claim has no end');
    return { token: ticket.token, expiresAt };
  });
}

/**
 * Gives a claim back; the review waits again at its place.
 *
 * @throws AppError as requireClaim
 */
export async function releaseClaim(db: Db, ticket: ClaimTicket): Promise<void> {
  await inTransaction(db, async (trx) => {
    await requireClaim(trx, ticket);
    await endClaim(trx, ticket.reviewId);
  });
}

/**
 * Gives a claim back and hides the review from this reviewer for twelve hours; others still get it.
 *
 * @throws AppError as requireClaim
 */
export async function skipReview(db: Db, ticket: ClaimTicket): Promise<void> {
  await inTransaction(db, async (trx) => {
    await requireClaim(trx, ticket);
    await endClaim(trx, ticket.reviewId);
    await trx
      .insertInto('review_skip')
      .values({ review_id: ticket.reviewId, reviewer_id: ticket.reviewerId, until: leaseEnd(skipForMs) })
      .onConflict((conflict) =>
        conflict.columns(['review_id', 'reviewer_id']).doUpdateSet({ until: leaseEnd(skipForMs) }),
      )
      .execute();
  });
}

async function endClaim(trx: Db, reviewId: string): Promise<void> {
  await trx
    .updateTable('review')
    .set((eb) => ({ claimed_by: null, claim_expires_at: null, claim_token: eb('claim_token', '+', 1) }))
    .where('id', '=', reviewId)
    .execute();
}
