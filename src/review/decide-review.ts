import { v7 as uuid } from 'uuid';
import { AppError, type FieldIssue } from '../domain/app-error.ts';
import type { Decision } from '../domain/review.ts';
import { type Db, inTransaction } from '../store/db.ts';
import { lockGroups, settleGroups } from './group-fronts.ts';
import { type ClaimTicket, requireClaim } from './hold-claim.ts';
import { tellAlike } from './tell-alike.ts';

/** A decision as it was written down. */
export type WrittenDecision = { decisionId: string; decidedAt: Date };

/** A near-duplicate to be decided along with the claimed review, as it was shown: a later text is not meant. */
export type AlsoReview = { reviewId: string; revision: number };

/**
 * Writes a decision down and ends the claim; with `also`, the same decision for each of these near-duplicates, all or
 * none. What waits of the group beside them gets a new front. The very same call again (its answer may have been lost
 * on the way) gets the same answer.
 *
 * @throws AppError REVIEW_NOT_FOUND, CLAIM_STALE, or DUPLICATES_STALE naming each of `also` that cannot be decided so
 */
export async function decideReview(
  db: Db,
  ticket: ClaimTicket,
  decision: Decision,
  also: readonly AlsoReview[] = [],
): Promise<WrittenDecision> {
  return await inTransaction(db, async (trx) => {
    const before = await findSame(trx, ticket, decision, also);
    if (before !== null) return before;
    const groups = await lockGroupOf(trx, ticket.reviewId);
    await requireClaim(trx, ticket);
    const reviews = [
      { id: ticket.reviewId, token: ticket.token },
      ...(await requireDuplicates(trx, ticket, also)),
    ];
    const callId = uuid();
    const rows = reviews.map(({ id, token }, index) => ({
      id: index === 0 ? callId : uuid(),
      review_id: id,
      reviewer_id: ticket.reviewerId,
      outcome: decision.outcome,
      elements: JSON.stringify(decision.elements),
      reason: decision.reason,
      claim_token: token,
      call_id: callId,
    }));
    const written = await trx
      .insertInto('decision')
      .values(rows)
      .returning('decided_at')
      .executeTakeFirstOrThrow();
    const decided = await trx
      .updateTable('review')
      .set({ state: 'decided', behind: false, claimed_by: null, claim_expires_at: null })
      .where(
        'id',
        'in',
        reviews.map(({ id }) => id),
      )
      .returning(['id', 'listing_id'])
      .execute();
    await settleGroups(trx, groups);
    const decisionOf = new Map(rows.map((row) => [row.review_id, row.id]));
    await tellAlike(
      trx,
      decided.map((review) => ({
        key: `decided:${decisionOf.get(review.id)}`,
        listingId: review.listing_id,
      })),
    );
    return { decisionId: callId, decidedAt: written.decided_at };
  });
}

/** Takes the lock of the review's group, if it has one. Whoever moves the review elsewhere makes every claim on it stale. */
export async function lockGroupOf(trx: Db, reviewId: string): Promise<string[]> {
  const review = await trx
    .selectFrom('review')
    .where('id', '=', reviewId)
    .select('duplicate_group_id')
    .executeTakeFirst();
  return await lockGroups(trx, [review?.duplicate_group_id ?? null]);
}

/** Locks the near-duplicates' rows and holds each against what the reviewer was shown. */
async function requireDuplicates(
  trx: Db,
  ticket: ClaimTicket,
  also: readonly AlsoReview[],
): Promise<{ id: string; token: number }[]> {
  if (also.length === 0) return [];
  const rows = await trx
    .selectFrom('review')
    .where(
      'id',
      'in',
      also.map(({ reviewId }) => reviewId),
    )
    .where((eb) =>
      eb(
        'duplicate_group_id',
        '=',
        eb.selectFrom('review as claimed').where('id', '=', ticket.reviewId).select('duplicate_group_id'),
      ),
    )
    .select(['id', 'revision', 'state', 'claim_token', 'claimed_by'])
    .select((eb) => eb('claim_expires_at', '>', eb.fn<Date>('clock_timestamp')).as('held'))
    .orderBy('id')
    .forUpdate()
    .execute();
  const known = new Map(rows.map((row) => [row.id, row]));
  const seen = new Set([ticket.reviewId]);
  const issues: FieldIssue[] = [];
  for (const [index, { reviewId, revision }] of also.entries()) {
    const row = known.get(reviewId);
    let message: string | null = null;
    if (seen.has(reviewId)) message = 'stands twice, or is the claimed review itself';
    else if (row === undefined) message = 'is not of the same group of near-duplicates';
    else if (row.state !== 'waiting') message = 'has been decided';
    else if (row.held === true && row.claimed_by !== ticket.reviewerId) message = 'is in somebody’s hands';
    else if (row.revision !== revision) message = 'has another text by now; look at it again';
    if (message !== null) issues.push({ field: `alsoReviews[${index}]`, message });
    seen.add(reviewId);
  }
  if (issues.length > 0)
    throw new AppError(
      'DUPLICATES_STALE',
      409,
      'nothing was decided, since not all of these reviews wait as they were shown; leave those out or claim again',
      { issues },
    );
  return rows.map(({ id, claim_token: token }) => ({ id, token }));
}

async function findSame(
  trx: Db,
  ticket: ClaimTicket,
  decision: Decision,
  also: readonly AlsoReview[],
): Promise<WrittenDecision | null> {
  const standing = await trx
    .selectFrom('decision')
    .where('review_id', '=', ticket.reviewId)
    .where('reviewer_id', '=', ticket.reviewerId)
    .where('claim_token', '=', ticket.token)
    .where('undone_at', 'is', null)
    .select(['id', 'call_id', 'decided_at', 'outcome', 'reason', 'elements'])
    .executeTakeFirst();
  if (standing === undefined) return null;
  const call = await trx
    .selectFrom('decision')
    .where('call_id', '=', standing.call_id)
    .select('review_id')
    .execute();
  const reviews = new Set([ticket.reviewId, ...also.map(({ reviewId }) => reviewId)]);
  const same =
    standing.id === standing.call_id &&
    standing.outcome === decision.outcome &&
    standing.reason === decision.reason &&
    JSON.stringify(standing.elements) === JSON.stringify(decision.elements) &&
    call.length === reviews.size &&
    call.every(({ review_id: id }) => reviews.has(id));
  return same ? { decisionId: standing.id, decidedAt: standing.decided_at } : null;
}
