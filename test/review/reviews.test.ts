import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { claimReviews } from '../../src/review/claim-reviews.ts';
import { decideReview } from '../../src/review/decide-review.ts';
import { releaseClaim, renewClaim, skipReview } from '../../src/review/hold-claim.ts';
import { listReviews, queueStats } from '../../src/review/list-reviews.ts';
import type { ClaimedReview } from '../../src/review/review-view.ts';
import { undoDecision } from '../../src/review/undo-decision.ts';
import { createApiKey } from '../../src/store/api-keys.ts';
import type { Db } from '../../src/store/db.ts';
import { describeEachEngine } from '../store/each-engine.ts';
import { anAssessed, saveAndFlag } from '../store/make-listings.ts';

const minute = 60_000;
const confirm = { outcome: 'confirmed' as const, elements: ['used' as const], reason: 'bal import' };
const undo = { withinMs: 10 * minute, leaseMs: minute };

async function claimOne(db: Db, reviewerId: string): Promise<ClaimedReview> {
  const [review] = await claimReviews(db, reviewerId, { limit: 1, leaseMs: minute });
  if (review === undefined) throw new Error('the queue gave nothing');
  return review;
}

function ticket(review: ClaimedReview) {
  return { reviewId: review.id, reviewerId: review.claim.reviewerId, token: review.claim.token };
}

describeEachEngine('review queue', (getStore) => {
  let db: Db;
  let rina: string;
  let budi: string;

  beforeEach(async () => {
    db = getStore().db;
    await sql`truncate listing, api_key, idempotency, batch cascade`.execute(db);
    rina = (await createApiKey(db, { name: 'rina', role: 'reviewer' })).id;
    budi = (await createApiKey(db, { name: 'budi', role: 'reviewer' })).id;
    await saveAndFlag(
      db,
      [0.2, 0.9, 0.5].map((priority, n) =>
        anAssessed({ platform: 'x', postId: `p${n}`, text: `bal ${n}` }, { priority }),
      ),
    );
  });

  async function expire(reviewId: string): Promise<void> {
    await db
      .updateTable('review')
      .set({ claim_expires_at: sql<Date>`now() - interval '1 minute'` })
      .where('id', '=', reviewId)
      .execute();
  }

  test('gives the highest priority first and nothing that another holds', async () => {
    const first = await claimReviews(db, rina, { limit: 2, leaseMs: minute });
    expect(first.map(({ priority }) => priority)).toEqual([0.9, 0.5]);
    expect((await claimOne(db, budi)).priority).toBe(0.2);
    expect(await claimReviews(db, budi, { limit: 1, leaseMs: minute })).toEqual([]);
    expect(await queueStats(db)).toMatchObject({ waiting: 3, claimed: 3 });
  });

  test('an expired claim returns to the queue, and its holder decides no more even before anyone takes it', async () => {
    const held = await claimOne(db, rina);
    await expire(held.id);
    await expect(decideReview(db, ticket(held), confirm)).rejects.toMatchObject({
      code: 'CLAIM_STALE',
      status: 409,
    });
    const taken = await claimOne(db, budi);
    expect(taken.id).toBe(held.id);
    expect(taken.claim.token).toBeGreaterThan(held.claim.token);
    await expect(renewClaim(db, ticket(held), minute)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
    await decideReview(db, ticket(taken), confirm);
  });

  test('a renewed claim lasts longer with the same token', async () => {
    const held = await claimOne(db, rina);
    const renewed = await renewClaim(db, ticket(held), 60 * minute);
    expect(renewed.token).toBe(held.claim.token);
    expect(renewed.expiresAt.getTime()).toBeGreaterThan(held.claim.expiresAt.getTime());
  });

  test('a released review waits at its place; a skipped one comes back to others only', async () => {
    const held = await claimOne(db, rina);
    await releaseClaim(db, ticket(held));
    const again = await claimOne(db, rina);
    expect(again.id).toBe(held.id);
    await skipReview(db, ticket(again));
    expect((await claimOne(db, rina)).id).not.toBe(held.id);
    expect((await claimOne(db, budi)).id).toBe(held.id);
  });

  test('the very same decision again gets the same answer, another one is refused', async () => {
    const held = await claimOne(db, rina);
    const first = await decideReview(db, ticket(held), confirm);
    expect(await decideReview(db, ticket(held), confirm)).toEqual(first);
    await expect(decideReview(db, ticket(held), { ...confirm, outcome: 'dismissed' })).rejects.toMatchObject({
      code: 'CLAIM_STALE',
    });
    expect(await queueStats(db)).toMatchObject({ waiting: 2, decided: { confirmed: 1, dismissed: 0 } });
  });

  test('undo keeps the decision as undone and gives the review back with a new token', async () => {
    const held = await claimOne(db, rina);
    await decideReview(db, ticket(held), confirm);
    await expect(undoDecision(db, { reviewId: held.id, reviewerId: budi }, undo)).rejects.toMatchObject({
      code: 'NOTHING_TO_UNDO',
    });
    const back = await undoDecision(db, { reviewId: held.id, reviewerId: rina }, undo);
    expect(back.claim.token).toBeGreaterThan(held.claim.token);
    await decideReview(db, ticket(back), { ...confirm, outcome: 'dismissed', elements: [] });
    expect(
      await db.selectFrom('decision').select('id').where('review_id', '=', held.id).execute(),
    ).toHaveLength(2);
    await db.updateTable('decision').set({ decided_at: sql<Date>`now() - interval '1 hour'` }).execute();
    await expect(undoDecision(db, { reviewId: held.id, reviewerId: rina }, undo)).rejects.toMatchObject({
      code: 'UNDO_TOO_LATE',
    });
  });

  test('a post changed under the reviewer’s eyes moves the review to the new text and makes the token stale', async () => {
    const held = await claimOne(db, rina);
    expect(held.listing.text).toBe('bal 1');
    await saveAndFlag(db, [
      anAssessed({ platform: 'x', postId: 'p1', text: 'bal 1 diskon' }, { priority: 1 }),
    ]);
    await expect(decideReview(db, ticket(held), confirm)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
    const next = await claimOne(db, rina);
    expect(next).toMatchObject({ id: held.id, revision: 2, listing: { text: 'bal 1 diskon' } });
    await decideReview(db, ticket(next), confirm);
    await saveAndFlag(db, [
      anAssessed({ platform: 'x', postId: 'p1', text: 'bal 1 diskon lagi' }, { priority: 1 }),
    ]);
    await expect(undoDecision(db, { reviewId: held.id, reviewerId: rina }, undo)).rejects.toMatchObject({
      code: 'REVIEW_SUPERSEDED',
    });
  });

  test('a post changed into something harmless still shows the reviewer the text that was flagged', async () => {
    await saveAndFlag(db, [
      anAssessed({ platform: 'x', postId: 'p1', text: 'sepatu baru' }, { verdict: 'clear' }),
    ]);
    expect((await claimOne(db, rina)).listing.text).toBe('bal 1');
  });

  test('lists what waits in the order in which it will be claimed', async () => {
    expect((await listReviews(db, 'waiting', 10)).map(({ priority }) => priority)).toEqual([0.9, 0.5, 0.2]);
    expect(await listReviews(db, 'decided', 10)).toEqual([]);
  });

  test('an unknown review is said to be unknown', async () => {
    const unknown = { reviewId: crypto.randomUUID(), reviewerId: rina, token: 1 };
    await expect(decideReview(db, unknown, confirm)).rejects.toMatchObject({
      code: 'REVIEW_NOT_FOUND',
      status: 404,
    });
  });
});
