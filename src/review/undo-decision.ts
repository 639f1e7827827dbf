import { sql } from 'kysely';
import { AppError } from '../domain/app-error.ts';
import { type Db, inTransaction } from '../store/db.ts';
import { leaseEnd } from './claim-reviews.ts';
import { lockGroupOf } from './decide-review.ts';
import { mostDuplicatesShown } from './find-duplicates.ts';
import { settleGroups } from './group-fronts.ts';
import { type ClaimedReview, findReviews, isClaimed } from './review-view.ts';
import { tellAlike } from './tell-alike.ts';

type Undone = { id: string; reviewId: string; listingId: string };

/**
 * Takes the reviewer's own standing decision back, within `withinMs` of it, and with it all that the same call
 * decided, since it was one act; near-duplicates whose new text waits for review already stay decided. The decisions
 * are kept as undone. The review is the reviewer's again with a new token, so that undoing and deciding anew is one
 * movement; it is in front of its group again, unless the present front is in somebody's hands.
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
    const groups = await lockGroupOf(trx, mine.reviewId);
    const callId = await requireUndoable(trx, mine, options.withinMs);
    const undone = await takeBack(trx, callId, mine.reviewId);
    const others = undone.flatMap(({ reviewId }) => (reviewId === mine.reviewId ? [] : [reviewId]));
    if (others.length > 0) {
      await trx
        .updateTable('review')
        .set({ state: 'waiting', behind: true })
        .where('id', 'in', others)
        .execute();
    }
    await reopen(trx, mine, options.leaseMs, await yieldFront(trx, groups));
    await settleGroups(trx, groups);
    await tellAlike(
      trx,
      undone.map(({ id, listingId }) => ({ key: `undone:${id}`, listingId })),
    );
    const [reopened] = await findReviews(trx, [mine.reviewId], { duplicates: mostDuplicatesShown });
    if (reopened === undefined || !isClaimed(reopened)) throw new Error('a reopened review has no claim');
    return reopened;
  });
}

/** Locks the review's row and answers the call that decided it. */
async function requireUndoable(
  trx: Db,
  mine: { reviewId: string; reviewerId: string },
  withinMs: number,
): Promise<string> {
  const review = await trx
    .selectFrom('review')
    .where('id', '=', mine.reviewId)
    .select('id')
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
      'call_id',
      sql<boolean>`decided_at > clock_timestamp() - make_interval(secs => ${withinMs / 1000})`.as('recent'),
    ])
    .executeTakeFirst();
  if (decision === undefined)
    throw new AppError('NOTHING_TO_UNDO', 409, 'no decision of yours stands on this review');
  if (!decision.recent) {
    throw new AppError(
      'UNDO_TOO_LATE',
      409,
      `a decision can be undone for ${Math.round(withinMs / 60_000)} minutes`,
    );
  }
  return decision.call_id;
}

/** Marks the call's decisions undone, except those on posts whose new text waits. */
async function takeBack(trx: Db, callId: string, reviewId: string): Promise<Undone[]> {
  const { rows: undone } = await sql<Undone>`
    update decision set undone_at = clock_timestamp()
    from review
    where decision.call_id = ${callId} and decision.undone_at is null and review.id = decision.review_id
      and not exists (
        select from review as newer where newer.listing_id = review.listing_id and newer.state = 'waiting'
      )
    returning decision.id, review.id as "reviewId", review.listing_id as "listingId"
  `.execute(trx);
  if (!undone.some((one) => one.reviewId === reviewId)) {
    throw new AppError(
      'REVIEW_SUPERSEDED',
      409,
      'the post has changed since and its new text waits for review; decide that one',
    );
  }
  return undone;
}

/** Puts the group's front behind. False when it is in somebody's hands, and stays. */
async function yieldFront(trx: Db, groups: readonly string[]): Promise<boolean> {
  const [groupId] = groups;
  if (groupId === undefined) return true;
  const front = await trx
    .selectFrom('review')
    .where('duplicate_group_id', '=', groupId)
    .where('state', '=', 'waiting')
    .where((eb) => eb.not('behind'))
    .select(['id', sql<boolean>`coalesce(claim_expires_at > clock_timestamp(), false)`.as('held')])
    .forUpdate()
    .executeTakeFirst();
  if (front === undefined) return true;
  if (front.held) return false;
  await trx.updateTable('review').set({ behind: true }).where('id', '=', front.id).execute();
  return true;
}

async function reopen(
  trx: Db,
  mine: { reviewId: string; reviewerId: string },
  leaseMs: number,
  inFront: boolean,
): Promise<void> {
  await trx
    .updateTable('review')
    .set((eb) => ({
      state: 'waiting' as const,
      behind: !inFront,
      claimed_by: mine.reviewerId,
      claim_token: eb('claim_token', '+', 1),
      claim_expires_at: leaseEnd(leaseMs),
    }))
    .where('id', '=', mine.reviewId)
    .execute();
}
