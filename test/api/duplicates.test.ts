import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type StartedApi, startDistributed, startEmbedded, type TestApi } from './start-api.ts';

const quiet = { PICTURES: 'off' };
const offer = (price: string, contact: string) =>
  `Ready bal import segel jaket gunung Korea, grade A, harga ${price} per karung, langsung dari kontainer. ${contact}`;

describe.each([
  ['embedded', () => startEmbedded(quiet)],
  ['PostgreSQL and Redis', () => startDistributed(6, quiet)],
] as const)('near-duplicates over HTTP (%s)', (_name, start) => {
  let started: StartedApi;
  let ask: TestApi['ask'];
  beforeAll(async () => {
    started = await start();
    ask = started.api.ask;
  });
  afterAll(async () => {
    await started.api.close();
    await started.remove();
  });

  test('one offer from a form and from a batch, by four accounts, is one review that one call decides', async () => {
    const single = [
      { platform: 'instagram', postId: 'a', seller: 'satu', text: offer('2,5jt', 'WA 0812-1111-2222') },
      { platform: 'tiktok', postId: 'b', seller: 'dua', text: offer('Rp 3.000.000', '🔥🔥 @gudang.bal') },
    ];
    for (const listing of single) {
      const stored = await ask('batch', 'POST', '/v1/listings', listing);
      expect(stored.json()).toMatchObject({ assessment: { verdict: 'flag' } });
    }
    const rows = [
      {
        platform: 'facebook',
        postId: 'c',
        seller: 'tiga',
        text: offer('2jt', 'https://wa.me/62899').toUpperCase(),
      },
      { platform: 'x', postId: 'd', seller: 'empat', text: `✨ ${offer('1.900.000', '0857 3333 4444')} ✨` },
      // The same post once more, as a second scrape has it.
      single[0],
    ];
    const body = gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const batch = await started.api.api.inject({
      method: 'POST',
      url: '/v1/batches',
      body,
      headers: {
        authorization: `Bearer ${started.api.secrets.batch}`,
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
      },
    });
    await vi.waitFor(
      async () =>
        expect((await ask('batch', 'GET', `/v1/batches/${batch.json().id}`)).json()).toMatchObject({
          done: true,
        }),
      { timeout: 20_000, interval: 50 },
    );

    expect((await ask('analyst', 'GET', '/v1/reviews/stats')).json()).toMatchObject({ waiting: 4, cards: 1 });
    const { reviews } = (await ask('reviewer', 'POST', '/v1/reviews/claim', { limit: 5 })).json();
    expect(reviews).toMatchObject([{ duplicates: { waiting: 4, listings: [{}, {}, {}] } }]);
    const [card] = reviews;
    const also = card.duplicates.listings.map(
      ({ reviewId, revision }: { reviewId: string; revision: number }) => ({
        reviewId,
        revision,
      }),
    );
    const decide = `/v1/reviews/${card.id}/decide`;
    const decision = { token: card.claim.token, outcome: 'confirmed', elements: ['imported'], reason: 'bal' };
    const wrong = await ask('reviewer', 'POST', decide, {
      ...decision,
      alsoReviews: [also[0], { reviewId: card.listing.id, revision: 1 }],
    });
    expect(wrong.json()).toMatchObject({
      status: 409,
      code: 'DUPLICATES_STALE',
      errors: [{ field: 'alsoReviews[1]', message: 'is not of the same group of near-duplicates' }],
    });
    const many = Array.from({ length: 51 }, () => also[0]);
    expect((await ask('reviewer', 'POST', decide, { ...decision, alsoReviews: many })).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'alsoReviews' }],
    });
    const decided = await ask('reviewer', 'POST', decide, { ...decision, alsoReviews: also });
    expect(decided.statusCode).toBe(200);
    expect((await ask('analyst', 'GET', '/v1/reviews/stats')).json()).toMatchObject({
      waiting: 0,
      decided: { confirmed: 4 },
    });
    const undone = await ask('reviewer', 'POST', `/v1/reviews/${card.id}/undo`);
    expect(undone.json()).toMatchObject({ id: card.id, claim: {}, duplicates: { waiting: 4 } });
    expect((await ask('analyst', 'GET', '/v1/reviews')).json().reviews).toMatchObject([
      { id: card.id, duplicates: { waiting: 4, decided: { confirmed: 0 }, listings: [] } },
    ]);
  });
});
