import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import { AppError } from '../domain/app-error.ts';
import type { Decision } from '../domain/review.ts';
import { type Db, inTransaction } from '../store/db.ts';
import { withCaptures } from '../store/pictures.ts';
import { addRescore } from '../store/rescores.ts';
import { leaseEnd } from './claim-reviews.ts';
import { type ClaimTicket, requireClaim } from './hold-claim.ts';
import { type ClaimedReview, findReviews, isClaimed } from './review-view.ts';

/** A decision as it was written down. */
export type WrittenDecision = { decisionId: string; decidedAt: Date };

/**
 * Writes a decision down and ends the claim. The very same call again (its answer may have been lost on the way)
 * gets the same answer.
 *
 * @throws AppError REVIEW_NOT_FOUND or CLAIM_STALE
 */
export async function decideReview(
  db: Db,
  ticket: ClaimTicket,
  decision: Decision,
): Promise<WrittenDecision> {
  return await inTransaction(db, async (trx) => {
    const before = await findSame(trx, ticket, decision);
    if (before !== null) return before;
    await requireClaim(trx, ticket);
    const written = await trx
      .insertInto('decision')
      .values({
        id: uuid(),
        review_id: ticket.reviewId,
        reviewer_id: ticket.reviewerId,
        outcome: decision.outcome,
        elements: JSON.stringify(decision.elements),
        reason: decision.reason,
        claim_token: ticket.token,
      })
      .returning(['id', 'decided_at'])
      .executeTakeFirstOrThrow();
    const { listing_id: listingId } = await trx
      .updateTable('review')
      .set({ state: 'decided', claimed_by: null, claim_expires_at: null })
      .where('id', '=', ticket.reviewId)
      .returning('listing_id')
      .executeTakeFirstOrThrow();
    await tellAlike(trx, `decided:${written.id}`, listingId);
    return { decisionId: written.id, decidedAt: written.decided_at };
  });
}

/** What was decided speaks for the listing's pictures wherever else they are shown. */
async function tellAlike(trx: Db, key: string, listingId: string): Promise<void> {
  const captured = await withCaptures(trx, [listingId]);
  if (captured.has(listingId)) await addRescore(trx, key, { alikeListing: listingId });
}

async function findSame(trx: Db, ticket: ClaimTicket, decision: Decision): Promise<WrittenDecision | null> {
  const standing = await trx
    .selectFrom('decision')
    .where('review_id', '=', ticket.reviewId)
    .where('reviewer_id', '=', ticket.reviewerId)
    .where('claim_token', '=', ticket.token)
    .where('undone_at', 'is', null)
    .select(['id', 'decided_at', 'outcome', 'reason', 'elements'])
    .executeTakeFirst();
  if (standing === undefined) return null;
  const same =
    standing.outcome === decision.outcome &&
    standing.reason === decision.reason &&
    JSON.stringify(standing.elements) === JSON.stringify(decision.elements);
  return same ? { decisionId: standing.id, decidedAt: standing.decided_at } : null;
}

/**
 * Takes the reviewer's own standing decision back, within `withinMs` of it. The decision is kept as undone, and
 * the review is the reviewer's again with a new token, so that undoing and deciding anew is one movement.
 *
 * @throws AppError REVIEW_NOT_FOUND, NOTHING_TO_UNDO, UNDO_TOO_LATE, or REVIEW_SUPERSEDED when the seller has
 * changed the post and the new text waits for review already
 */
export async function undoDecision(
  db: Db,
  mine: { reviewId: string; reviewerId: string },
  options: { withinMs: number; leaseMs: number },
): Promise<ClaimedReview> {
  return await inTransaction(db, async (trx) => {
    const review = await trx
      .selectFrom('review')
      .where('id', '=', mine.reviewId)
      .select(['listing_id'])
      .forUpdate()
      .executeTakeFirst();
    if (review === undefined)
      throw new AppError('REVIEW_NOT_FOUND', 404, `there is no review ${mine.reviewId}`);
    const decision = await trx
      .selectFrom('decision')
      .where('review_id', '=', mine.reviewId)
      .where('reviewer_id', '=', mine.reviewerId)
      .where('undone_at', 'is', null)
      .select([
        'id',
        sql<boolean>`decided_at > clock_timestamp() - make_interval(secs => ${options.withinMs / 1000})`.as(
          'recent',
        ),
      ])
      .executeTakeFirst();
    if (decision === undefined)
      throw new AppError('NOTHING_TO_UNDO', 409, 'no decision of yours stands on this review');
    if (!decision.recent) {
      throw new AppError(
        'UNDO_TOO_LATE',
        409,
        `a decision can be undone for ${Math.round(options.withinMs / 60_000)} minutes`,
      );
    }
    const newer = await trx
      .selectFrom('review')
      .where('listing_id', '=', review.listing_id)
      .where('state', '=', 'waiting')
      .select('id')
      .executeTakeFirst();
    if (newer !== undefined) {
      throw new AppError(
        'REVIEW_SUPERSEDED',
        409,
        'the post has changed since and its new text waits for review; decide that one',
      );
    }
    await trx
      .updateTable('decision')
      .set({ undone_at: sql<Date>`clock_timestamp()` })
      .where('id', '=', decision.id)
      .execute();
    await trx
      .updateTable('review')
      .set((eb) => ({
        state: 'waiting' as const,
        claimed_by: mine.reviewerId,
        claim_token: eb('claim_token', '+', 1),
        claim_expires_at: leaseEnd(options.leaseMs),
      }))
      .where('id', '=', mine.reviewId)
      .execute();
    await tellAlike(trx, `undone:${decision.id}`, review.listing_id);
    const [reopened] = await findReviews(trx, [mine.reviewId]);
    if (reopened === undefined || !isClaimed(reopened)) throw new Error('a reopened review has no claim');
    return reopened;
  });
}
