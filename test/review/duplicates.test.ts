import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { createFingerprinter } from '../../src/duplicates/fingerprint-text.ts';
import { claimReviews } from '../../src/review/claim-reviews.ts';
import { decideReview } from '../../src/review/decide-review.ts';
import { differingPart } from '../../src/review/differing-part.ts';
import { mostDuplicatesShown } from '../../src/review/find-duplicates.ts';
import { releaseClaim, skipReview } from '../../src/review/hold-claim.ts';
import { listReviews, queueStats } from '../../src/review/list-reviews.ts';
import type { ClaimedReview } from '../../src/review/review-view.ts';
import { undoDecision } from '../../src/review/undo-decision.ts';
import { createApiKey } from '../../src/store/api-keys.ts';
import type { Db } from '../../src/store/db.ts';
import { findOrMakeGroups } from '../../src/store/duplicate-groups.ts';
import { describeEachEngine } from '../store/each-engine.ts';
import { anAssessed, saveAndFlag } from '../store/make-listings.ts';

const minute = 60_000;
const confirm = { outcome: 'confirmed' as const, elements: ['used' as const], reason: 'bal import' };
const undo = { withinMs: 10 * minute, leaseMs: minute };
const fingerprint = createFingerprinter();

/** The same offer as different accounts post it. */
const offer = [
  'Ready bal import jaket gunung kualitas super, harga 150rb per karung, WA 0812-3456-7890',
  '🔥 READY BAL IMPORT jaket gunung kualitas super!! harga Rp 175.000 per karung 🔥 wa 0899 1111 2222',
  'ready bal import jaket gunung kualitas super harga 90k per karung https://wa.me/62811 @toko_baju',
  'Ready bal impor jaket gunung kualitas super, harga 2jt per karung. WA 0857 0000 1111 💯',
];
const other = 'Dijual kebaya pengantin lengkap dengan selendang, dipakai sekali waktu akad di Solo';

type Post = { postId: string; text: string; priority?: number };

/** Stores and queues posts as the pipeline does: groups first, each post by an account of its own. */
async function store(db: Db, posts: readonly Post[]) {
  const groups = await findOrMakeGroups(
    db,
    posts.map(({ text }) => fingerprint(text)),
  );
  return await saveAndFlag(
    db,
    posts.map(({ postId, text, priority = 0.5 }, index) =>
      anAssessed(
        { platform: 'x', postId, seller: `akun ${postId}`, text },
        { priority },
        groups[index] ?? null,
      ),
    ),
  );
}

async function claimOne(db: Db, reviewerId: string): Promise<ClaimedReview> {
  const [review] = await claimReviews(db, reviewerId, { limit: 1, leaseMs: minute });
  if (review === undefined) throw new Error('the queue gave nothing');
  return review;
}

function ticket(review: ClaimedReview) {
  return { reviewId: review.id, reviewerId: review.claim.reviewerId, token: review.claim.token };
}

function shown(review: ClaimedReview) {
  return (review.duplicates?.listings ?? []).map(({ reviewId, revision }) => ({ reviewId, revision }));
}

/** Groups in which something waits and not exactly one review is in front, or one behind it comes before it. */
async function groupsOutOfOrder(db: Db) {
  const { rows } = await sql`
    select duplicate_group_id from review where state = 'waiting' and duplicate_group_id is not null
    group by duplicate_group_id
    having count(*) filter (where not behind) <> 1
      or max(priority) filter (where behind) > max(priority) filter (where not behind)
  `.execute(db);
  return rows;
}

describeEachEngine('reviews of near-duplicates', (getStore) => {
  let db: Db;
  let rina: string;
  let budi: string;

  beforeEach(async () => {
    db = getStore().db;
    await sql`truncate listing, api_key, idempotency, batch, duplicate_group cascade`.execute(db);
    rina = (await createApiKey(db, { name: 'rina', role: 'reviewer' })).id;
    budi = (await createApiKey(db, { name: 'budi', role: 'reviewer' })).id;
  });

  const storeOffers = async () =>
    await store(
      db,
      offer.map((text, n) => ({ postId: `p${n}`, text })),
    );
  const claimNone = async (reviewer: string) =>
    expect(await claimReviews(db, reviewer, { limit: 5, leaseMs: minute })).toEqual([]);

  test('one text with other prices, emoji and phone numbers is one card, decided and undone by one call', async () => {
    await storeOffers();
    expect(await queueStats(db)).toMatchObject({ waiting: 4, cards: 1 });
    expect(await listReviews(db, 'waiting', 10)).toMatchObject([
      { duplicates: { waiting: 4, listings: [] } },
    ]);
    const card = await claimOne(db, rina);
    await claimNone(budi);
    expect(card.duplicates).toMatchObject({
      waiting: 4,
      decided: { confirmed: 0, dismissed: 0, escalated: 0 },
      listings: [{ seller: 'akun p1' }, { seller: 'akun p2' }, { seller: 'akun p3' }],
    });
    expect(card.duplicates?.listings.every(({ differs }) => differs !== null)).toBe(true);

    const written = await decideReview(db, ticket(card), confirm, shown(card));
    expect(await decideReview(db, ticket(card), confirm, shown(card))).toEqual(written);
    await expect(decideReview(db, ticket(card), confirm)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
    expect(await queueStats(db)).toMatchObject({ waiting: 0, cards: 0, decided: { confirmed: 4 } });
    const calls = await db.selectFrom('decision').select('call_id').distinct().execute();
    expect(calls).toEqual([{ call_id: written.decisionId }]);

    const back = await undoDecision(db, { reviewId: card.id, reviewerId: rina }, undo);
    expect(back).toMatchObject({ id: card.id, duplicates: { waiting: 4 } });
    expect(await queueStats(db)).toMatchObject({
      waiting: 4,
      cards: 1,
      claimed: 1,
      decided: { confirmed: 0 },
    });
    expect(await groupsOutOfOrder(db)).toEqual([]);
    await decideReview(db, ticket(back), { ...confirm, outcome: 'dismissed' }, shown(back));
    expect(await queueStats(db)).toMatchObject({ waiting: 0, decided: { confirmed: 0, dismissed: 4 } });
  });

  test('undo by any review of the call takes all of it back and gives that one', async () => {
    await storeOffers();
    const card = await claimOne(db, rina);
    await decideReview(db, ticket(card), confirm, shown(card));
    const [also] = shown(card);
    const back = await undoDecision(db, { reviewId: also?.reviewId ?? '', reviewerId: rina }, undo);
    expect(back).toMatchObject({ id: also?.reviewId, duplicates: { waiting: 4 } });
    expect(await groupsOutOfOrder(db)).toEqual([]);
    await claimNone(budi);
  });

  test('what is not named keeps waiting, and the next of it comes to the front', async () => {
    await storeOffers();
    const card = await claimOne(db, rina);
    const [named, ...left] = shown(card);
    if (named === undefined) throw new Error('nothing was shown');
    await decideReview(db, ticket(card), confirm, [named]);
    const next = await claimOne(db, budi);
    expect(left.map(({ reviewId }) => reviewId)).toContain(next.id);
    expect(next.duplicates).toMatchObject({ waiting: 2, decided: { confirmed: 2 } });
    // Budi has the front, so that what Rina takes back is hers, behind it, and decided like any other.
    const back = await undoDecision(db, { reviewId: card.id, reviewerId: rina }, undo);
    expect(await groupsOutOfOrder(db)).toEqual([]);
    await expect(
      decideReview(db, ticket(next), confirm, [{ reviewId: back.id, revision: 1 }]),
    ).rejects.toMatchObject({
      code: 'DUPLICATES_STALE',
      issues: [{ field: 'alsoReviews[0]', message: 'is in somebody’s hands' }],
    });
    await decideReview(db, ticket(back), confirm);
    await decideReview(db, ticket(next), confirm);
    expect(await queueStats(db)).toMatchObject({ waiting: 2, cards: 1, decided: { confirmed: 2 } });
  });

  test('decides all or none, and says which of those named cannot be', async () => {
    await storeOffers();
    const [stranger] = await store(db, [{ postId: 'q', text: other, priority: 0.1 }]);
    const card = await claimOne(db, rina);
    const strange = await db
      .selectFrom('review')
      .where('listing_id', '=', stranger?.listingId ?? '')
      .select('id')
      .executeTakeFirstOrThrow();
    const [first, second] = shown(card);
    if (first === undefined || second === undefined) throw new Error('nothing was shown');
    await store(db, [{ postId: 'p1', text: `${offer[1]} ongkir gratis` }]);
    await expect(
      decideReview(db, ticket(card), confirm, [
        { reviewId: strange.id, revision: 1 },
        first,
        second,
        second,
        { reviewId: card.id, revision: 1 },
      ]),
    ).rejects.toMatchObject({
      code: 'DUPLICATES_STALE',
      status: 409,
      issues: [
        { field: 'alsoReviews[0]', message: 'is not of the same group of near-duplicates' },
        { field: 'alsoReviews[1]', message: 'has another text by now; look at it again' },
        { field: 'alsoReviews[3]' },
        { field: 'alsoReviews[4]' },
      ],
    });
    expect(await queueStats(db)).toMatchObject({ decided: { confirmed: 0 } });
    await decideReview(db, ticket(card), confirm, [second]);
  });

  test('a post scraped again is updated and never stands twice', async () => {
    const before = await storeOffers();
    const again = await storeOffers();
    expect(again.map(({ listingId }) => listingId)).toEqual(before.map(({ listingId }) => listingId));
    expect(await queueStats(db)).toMatchObject({ waiting: 4, cards: 1 });
    expect(await groupsOutOfOrder(db)).toEqual([]);
  });

  test('a front whose text changes into another leaves its group, and the next comes to the front', async () => {
    await storeOffers();
    const card = await claimOne(db, rina);
    const at = Number(card.listing.postId?.slice(1));
    await store(db, [{ postId: `p${at}`, text: other }]);
    await expect(decideReview(db, ticket(card), confirm)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
    expect(await queueStats(db)).toMatchObject({ waiting: 4, cards: 2, claimed: 0 });
    expect(await groupsOutOfOrder(db)).toEqual([]);
    // And back again, where another is in front by now.
    await store(db, [{ postId: `p${at}`, text: offer[at] ?? '' }]);
    expect(await queueStats(db)).toMatchObject({ waiting: 4, cards: 1 });
    expect(await groupsOutOfOrder(db)).toEqual([]);
    expect((await claimOne(db, rina)).duplicates?.waiting).toBe(4);
  });

  test('the highest priority of a group is its place in the queue', async () => {
    await store(db, [
      { postId: 'a', text: offer[0] ?? '', priority: 0.2 },
      { postId: 'q', text: other, priority: 0.6 },
    ]);
    await store(db, [{ postId: 'b', text: offer[1] ?? '', priority: 0.9 }]);
    const card = await claimOne(db, rina);
    expect(card).toMatchObject({ listing: { postId: 'a' }, priority: 0.9 });
    await decideReview(db, ticket(card), confirm);
    expect((await claimOne(db, rina)).listing.postId).toBe('b');
  });

  test('a released card waits for all, a skipped one hides its group from who skipped it', async () => {
    await storeOffers();
    await releaseClaim(db, ticket(await claimOne(db, rina)));
    const again = await claimOne(db, rina);
    await skipReview(db, ticket(again));
    await claimNone(rina);
    expect((await claimOne(db, budi)).id).toBe(again.id);
  });

  test('a post that changed since stays decided when the rest of its call is undone', async () => {
    await storeOffers();
    const card = await claimOne(db, rina);
    await decideReview(db, ticket(card), confirm, shown(card));
    const changed = card.listing.postId === 'p0' ? 'p1' : 'p0';
    await store(db, [{ postId: changed, text: other }]);
    await undoDecision(db, { reviewId: card.id, reviewerId: rina }, undo);
    expect(await queueStats(db)).toMatchObject({ waiting: 4, cards: 2, decided: { confirmed: 1 } });
    expect(await groupsOutOfOrder(db)).toEqual([]);
  });

  test('shows at most fifty of thousands, and the next fifty after those', async () => {
    const posts = Array.from({ length: 120 }, (_, n) => ({ postId: `m${n}`, text: `${offer[0]} ${n}` }));
    await store(db, posts);
    const sizes: number[] = [];
    for (;;) {
      const [card] = await claimReviews(db, rina, { limit: 5, leaseMs: minute });
      if (card === undefined) break;
      sizes.push(1 + shown(card).length);
      await decideReview(db, ticket(card), confirm, shown(card));
    }
    expect(sizes).toEqual([1 + mostDuplicatesShown, 1 + mostDuplicatesShown, 18]);
  });

  test('posts that come over many connections while people decide leave one front for each group', async () => {
    const texts = [...offer, other];
    const deciding = async (reviewer: string) => {
      for (let turn = 0; turn < 12; turn += 1) {
        for (const card of await claimReviews(db, reviewer, { limit: 2, leaseMs: minute })) {
          try {
            await decideReview(db, ticket(card), confirm, shown(card).slice(0, turn % 3));
            if (turn % 3 === 0) await undoDecision(db, { reviewId: card.id, reviewerId: reviewer }, undo);
          } catch (error) {
            // Refusals are part of the game; what counts is the order that is left.
            expect(error).toMatchObject({ status: 409 });
          }
        }
      }
    };
    const arriving = async (worker: number) => {
      for (let turn = 0; turn < 10; turn += 1) {
        await store(
          db,
          texts.map((text, n) => ({
            // Every third post is one that comes from two workers, now with this text and now with that.
            postId: n % 3 === 0 ? `s${n}` : `w${worker}-${turn}-${n}`,
            text: texts[(n + turn) % texts.length] ?? text,
            priority: ((n * 7 + turn) % 10) / 10,
          })),
        );
      }
    };
    await Promise.all([deciding(rina), deciding(budi), arriving(1), arriving(2), arriving(3)]);
    expect(await groupsOutOfOrder(db)).toEqual([]);
    await db.updateTable('review').set({ claimed_by: null, claim_expires_at: null }).execute();
    for (;;) {
      const cards = await claimReviews(db, rina, { limit: 5, leaseMs: minute });
      if (cards.length === 0) break;
      for (const card of cards) await decideReview(db, ticket(card), confirm, shown(card));
    }
    expect(await queueStats(db)).toMatchObject({ waiting: 0, cards: 0 });
    const { rows } = await sql<{ open: number }>`
      select count(*)::int as open from review
      where not exists (select from decision where review_id = review.id and undone_at is null)
    `.execute(db);
    expect(rows).toEqual([{ open: 0 }]);
  }, 120_000);
});

describe('the part of a text that differs', () => {
  test('is the words between what both begin and end with', () => {
    expect(differingPart('bal murah 150rb ready', 'bal murah 90rb ready')).toEqual({
      start: 10,
      end: 15,
      text: '150rb',
    });
    expect(differingPart('bal', 'bal')).toBeNull();
    expect(differingPart('bal ready', 'bal murah ready')).toMatchObject({ text: expect.any(String) });
    expect(differingPart(`a ${'x'.repeat(900)} b`, 'a b')?.text).toHaveLength(200);
  });
});
