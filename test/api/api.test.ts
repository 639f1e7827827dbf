import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type StartedApi, startDistributed, startEmbedded, type TestApi } from './start-api.ts';

const flagged = {
  platform: 'instagram',
  postId: 'F1',
  text: 'READY BAL SEGEL IMPORT KOREA 🔥 jaket second thrift isi 200 pcs, harga grosir 3jt per bal, bongkar bal import tiap minggu, minat dm',
};

describe.each([
  ['embedded', startEmbedded],
  ['PostgreSQL and Redis', () => startDistributed(3)],
] as const)('API (%s)', (_name, start) => {
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

  test('scores without storing: elements, probability, verdict, spans into the original text, versions', async () => {
    expect((await ask('analyst', 'POST', '/v1/score', { text: flagged.text })).json().terms).toBeUndefined();
    const answer = await ask('analyst', 'POST', '/v1/score?terms=true', { text: flagged.text });
    expect(answer.statusCode).toBe(200);
    const score = answer.json();
    expect(Object.keys(score.elements)).toEqual(['clothing', 'used', 'imported', 'offered', 'bulk']);
    expect(score.probability).toBeGreaterThan(0.5);
    expect(score.policyVersion).toContain(score.modelVersion);
    expect(score.reason.id).toMatch(/^Teks ini ditandai untuk ditinjau .* 0,\d\d; yang mendukung: "/);
    expect(score.reason.en).toMatch(/^This text is flagged for review /);
    expect(score.terms.map(({ term }: { term: string }) => term)).toContain('bal segel');
    expect(score.promise).toMatchObject({ precisionLowerBound: expect.any(Number), n: expect.any(Number) });
    expect(score.promise).toEqual(started.api.services.classifier.policy.promise);
    expect(score.spans.length).toBeGreaterThan(0);
    for (const span of score.spans) {
      expect(flagged.text.slice(span.start, span.end).trim()).toBe(flagged.text.slice(span.start, span.end));
      expect(span.end).toBeLessThanOrEqual(flagged.text.length);
    }
    expect((await ask('analyst', 'GET', '/v1/listings')).json().listings).toEqual([]);
  });

  test('a flagged listing is stored, queued, claimed, decided and undone; a stale token is refused', async () => {
    const stored = await ask('analyst', 'POST', '/v1/listings', flagged);
    expect(stored.statusCode).toBe(201);
    expect(stored.json()).toMatchObject({ assessment: { verdict: 'flag' }, review: { state: 'waiting' } });
    const again = await ask('batch', 'POST', '/v1/listings', flagged);
    expect([again.statusCode, again.json().id]).toEqual([200, stored.json().id]);
    expect((await ask('reviewer', 'GET', `/v1/listings/${stored.json().id}`)).json()).toEqual(again.json());

    const claim = await ask('reviewer', 'POST', '/v1/reviews/claim', {});
    const [review] = claim.json().reviews;
    expect(review).toMatchObject({ listing: { text: flagged.text }, claim: { token: 1 } });
    expect((await ask('admin', 'POST', '/v1/reviews/claim', {})).json()).toEqual({ reviews: [] });
    const renewed = await ask('reviewer', 'POST', `/v1/reviews/${review.id}/renew`, { token: 1 });
    expect(renewed.statusCode).toBe(200);
    const decision = { token: 1, outcome: 'confirmed', elements: ['used', 'imported'], reason: 'bal segel' };
    expect((await ask('admin', 'POST', `/v1/reviews/${review.id}/decide`, decision)).json()).toMatchObject({
      code: 'CLAIM_STALE',
      status: 409,
    });
    const noReason = await ask('reviewer', 'POST', `/v1/reviews/${review.id}/decide`, {
      ...decision,
      reason: ' ',
    });
    expect(noReason.json()).toMatchObject({ status: 422, errors: [{ field: 'reason' }] });
    expect((await ask('reviewer', 'POST', `/v1/reviews/${review.id}/decide`, decision)).json()).toMatchObject(
      { outcome: 'confirmed' },
    );
    const undone = await ask('reviewer', 'POST', `/v1/reviews/${review.id}/undo`);
    expect(undone.json()).toMatchObject({ id: review.id, claim: { token: 2 } });
    expect((await ask('reviewer', 'POST', `/v1/reviews/${review.id}/skip`, { token: 1 })).statusCode).toBe(
      409,
    );
    expect((await ask('reviewer', 'POST', `/v1/reviews/${review.id}/release`, { token: 2 })).statusCode).toBe(
      204,
    );
    expect((await ask('analyst', 'GET', '/v1/reviews')).json().reviews).toMatchObject([
      { id: review.id, claim: null },
    ]);
    expect((await ask('reviewer', 'GET', '/v1/reviews/stats')).json()).toMatchObject({
      waiting: 1,
      claimed: 0,
      decided: { confirmed: 0 },
    });
  });

  test('the same Idempotency-Key gives the same answer, and never another request’s', async () => {
    const headers = { 'idempotency-key': 'k-1' };
    const body = { text: 'jual sepatu anak bekas pakai sendiri' };
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => ask('batch', 'POST', '/v1/listings', body, headers)),
    );
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1);
    expect(answers.map((answer) => answer.statusCode)).toEqual([201, 201, 201, 201]);
    const other = await ask('batch', 'POST', '/v1/listings', { text: 'lain' }, headers);
    expect(other.json()).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(
      (await ask('batch', 'POST', '/v1/listings', body, { 'idempotency-key': 'a b' })).json(),
    ).toMatchObject({ status: 422 });
  });

  test('pages through listings by cursor', async () => {
    for (let n = 0; n < 5; n += 1)
      await ask('batch', 'POST', '/v1/listings', { platform: 'x', postId: `page-${n}`, text: `soto ${n}` });
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = (await ask('analyst', 'GET', `/v1/listings?platform=x&limit=2${cursor}`)).json();
      seen.push(...page.listings.map(({ postId }: { postId: string }) => postId));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(['page-4', 'page-3', 'page-2', 'page-1', 'page-0']);
    expect((await ask('analyst', 'GET', '/v1/listings?verdict=maybe')).json()).toMatchObject({
      errors: [{ field: 'verdict', message: 'must be one of: flag, watch, clear' }],
    });
  });

  test('a batch in any known format is scored in the background, its bad rows listed by line, a page of many as many', async () => {
    const csv = 'id;text\nb1;jual bal import segel korea\nb2;\nb3;soto ayam\n';
    const answer = await ask('batch', 'POST', '/v1/batches?name=night', csv, {
      'content-type': 'text/csv',
      'idempotency-key': 'night-1',
    });
    expect(answer.statusCode).toBe(202);
    const done = await vi.waitFor(async () => {
      const batch = (await ask('batch', 'GET', String(answer.headers.location))).json();
      expect(batch.done).toBe(true);
      return batch;
    }, 15_000);
    expect(done).toMatchObject({
      state: 'received',
      rows: { read: 3, bad: 1, scored: 2, failed: 0 },
      problems: [{ line: 3, id: 'b2' }],
    });
    const page = {
      items: [1, 2, 3].map((itemid) => ({ item_basic: { itemid, shopid: 9, name: `bal import ${itemid}` } })),
    };
    const many = await ask('batch', 'POST', '/v1/batches', JSON.stringify(page), {
      'content-type': 'application/json',
    });
    await vi.waitFor(async () => {
      const { done, rows } = (await ask('batch', 'GET', String(many.headers.location))).json();
      expect([done, rows]).toEqual([true, { read: 3, bad: 0, scored: 3, flagged: rows.flagged, failed: 0 }]);
    }, 15_000);
    const again = await ask('batch', 'POST', '/v1/batches?name=night', csv, {
      'content-type': 'text/csv',
      'idempotency-key': 'night-1',
    });
    expect(again.json()).toMatchObject({ id: done.id, rows: { read: 3 } });
    expect(
      (await ask('batch', 'POST', '/v1/batches', 'judul\nx\n', { 'content-type': 'text/csv' })).json(),
    ).toMatchObject({ status: 422, code: 'FORMAT_UNKNOWN' });
    const gzip = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect(
      (await ask('batch', 'POST', '/v1/batches', gzip, { 'content-type': 'application/gzip' })).json(),
    ).toMatchObject({ status: 422, code: 'INPUT_BROKEN' });
  });

  test('lets in only known keys with a fitting role', async () => {
    expect((await ask(null, 'POST', '/v1/score', { text: 'a' })).json()).toMatchObject({
      status: 401,
      code: 'KEY_MISSING',
    });
    const wrong = await ask(
      null,
      'POST',
      '/v1/score',
      { text: 'a' },
      { authorization: 'Bearer saring_wrong' },
    );
    expect(wrong.json()).toMatchObject({ status: 401, code: 'KEY_INVALID' });
    expect((await ask('batch', 'POST', '/v1/reviews/claim', {})).json()).toMatchObject({
      status: 403,
      code: 'ROLE_INSUFFICIENT',
    });
    expect((await ask('reviewer', 'POST', '/v1/listings', flagged)).statusCode).toBe(403);
    expect((await ask('analyst', 'POST', '/v1/keys', { name: 'x', role: 'admin' })).statusCode).toBe(403);
    const made = await ask('admin', 'POST', '/v1/keys', { name: 'night job', role: 'batch' });
    const authorization = `Bearer ${made.json().secret}`;
    expect((await ask(null, 'POST', '/v1/score', { text: 'a' }, { authorization })).statusCode).toBe(200);
    expect((await ask('admin', 'DELETE', '/v1/keys/night%20job')).statusCode).toBe(204);
    expect((await ask('admin', 'GET', '/v1/keys')).body).not.toContain(made.json().secret);
  });

  test('tells the threshold for a precision, with recall, interval and n', async () => {
    const answer = (await ask('analyst', 'GET', '/v1/models/current/thresholds?precision=0.92')).json();
    expect(answer.modelVersion).toBe(started.api.services.classifier.modelVersion);
    expect(answer.threshold).toBe(started.api.services.classifier.policy.flagAt);
    expect(answer.precision.low).toBeGreaterThanOrEqual(0.92);
    const { falseFlags } = started.api.services.classifier.policy.promise;
    expect([answer.realFlagged, answer.realN]).toEqual([falseFlags?.flagged, falseFlags?.n]);
    expect(answer.recall).toMatchObject({ value: expect.any(Number), n: answer.offers });
    const named = `/v1/models/${answer.modelVersion}/thresholds`;
    expect((await ask('reviewer', 'GET', `${named}?precision=0.92`)).json()).toEqual(answer);
    expect((await ask('analyst', 'GET', `${named}?precision=1`)).json()).toMatchObject({
      status: 422,
      code: 'PRECISION_UNREACHABLE',
    });
    expect((await ask('analyst', 'GET', named)).json()).toMatchObject({ errors: [{ field: 'precision' }] });
    expect((await ask('analyst', 'GET', '/v1/models/bag-0/thresholds?precision=0.92')).json()).toMatchObject({
      status: 404,
      code: 'MODEL_UNKNOWN',
    });
  });

  test('is healthy, ready, measured and described', async () => {
    expect((await ask(null, 'GET', '/health/live')).json()).toEqual({ status: 'ok' });
    expect((await ask(null, 'GET', '/health/ready')).json()).toMatchObject({
      status: 'ok',
      checks: { database: 'ok', queue: 'ok' },
    });
    const metrics = await ask(null, 'GET', '/metrics');
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.body).toMatch(/saring_assessments_total\{verdict="flag",by="request"\} [1-9]/);
    const described = (await ask(null, 'GET', '/openapi.json')).json();
    expect(Object.keys(described.paths)).toEqual(
      expect.arrayContaining(['/v1/score', '/v1/listings', '/v1/reviews/claim', '/v1/batches']),
    );
    expect((await ask(null, 'GET', '/docs/')).body).toContain('swagger-ui');
  });

  test('lets no answer be framed, sniffed or cached, and no page run a foreign script', async () => {
    for (const answer of [await ask(null, 'GET', '/health/live'), await ask(null, 'GET', '/v1/listings')]) {
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
    }
    const page = (await ask(null, 'GET', '/docs/')).headers;
    expect(page['content-security-policy']).toContain("script-src 'self';");
    expect(page['content-security-policy']).not.toContain('unsafe');
    expect(page['x-content-type-options']).toBe('nosniff');
  });

  test('logs a request with its id and never a listing’s text or a key', async () => {
    const text = 'kata-rahasia-dalam-teks jual bal';
    const answer = await ask('analyst', 'POST', '/v1/listings', { text }, { 'x-request-id': 'my-request' });
    expect(answer.headers['x-request-id']).toBe('my-request');
    expect(started.api.logged()).toContain('my-request');
    expect(started.api.logged()).not.toContain('kata-rahasia');
    expect(started.api.logged()).not.toContain(started.api.secrets.analyst);
  });
});

describe('bad input', () => {
  let started: StartedApi;
  let ask: TestApi['ask'];
  beforeAll(async () => {
    started = await startEmbedded();
    ask = started.api.ask;
  });
  afterAll(async () => {
    await started.api.close();
    await started.remove();
  });

  const json = { 'content-type': 'application/json' };
  const nested = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
  test.each<[string, unknown, number, string | undefined, Record<string, string>?]>([
    ['empty text', { text: '  ' }, 422, 'text'],
    ['no text', {}, 422, 'text'],
    ['one megabyte of text', { text: 'a'.repeat(1_000_000) }, 422, 'text'],
    ['a body over the limit', { text: 'a'.repeat(1_100_000) }, 413, undefined],
    [
      'ten thousand picture addresses',
      { text: 'a', imageUrls: Array.from({ length: 10_000 }, (_, n) => `https://a.example/${n}`) },
      422,
      'imageUrls',
    ],
    [
      'a javascript: address',
      { text: 'a', imageUrls: ['https://a.example/1', 'javascript:alert(1)'] },
      422,
      'imageUrls[1]',
    ],
    ['a file: address', { text: 'a', url: 'file:///etc/passwd' }, 422, 'url'],
    ['an address with a password', { text: 'a', url: 'https://u:p@a.example/' }, 422, 'url'],
    ['unknown fields', { text: 'a', imageURLs: [] }, 422, 'imageURLs'],
    ['a date in the future', { text: 'a', postedAt: '2999-01-01T00:00:00Z' }, 422, 'postedAt'],
    ['a date without a zone', { text: 'a', postedAt: '2026-01-01 10:00' }, 422, 'postedAt'],
    ['a number for a text', { text: 7 }, 422, 'text'],
    ['a list for a listing', [], 422, ''],
    ['JSON nested twenty thousand deep', nested, 422, 'text', json],
    ['JSON cut in the middle', '{"text":"a', 400, undefined, json],
    ['a poisoned prototype', '{"text":"a","__proto__":{"admin":true}}', 400, undefined, json],
    [
      'a gzip bomb',
      Buffer.from([0x1f, 0x8b, 8, 0]),
      415,
      'Content-Encoding',
      { ...json, 'content-encoding': 'gzip' },
    ],
    ['gzip without saying so', Buffer.from([0x1f, 0x8b, 8, 0]), 400, undefined, json],
    ['another content type', '<text/>', 415, 'Content-Type', { 'content-type': 'application/xml' }],
  ])('%s gets a clear answer', async (_name, body, status, field, headers) => {
    for (const url of ['/v1/score', '/v1/listings']) {
      const answer = await ask('analyst', 'POST', url, body, headers);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      const problem = answer.json();
      expect([problem.status, answer.statusCode, problem.errors[0]?.field]).toEqual([status, status, field]);
      expect(problem.detail.length).toBeGreaterThan(10);
    }
    expect((await ask(null, 'GET', '/health/live')).statusCode).toBe(200);
  });

  test.each([
    ['only emoji', '👕🔥🇰🇷👖✨'],
    ['Chinese', '批发二手衣服,韩国进口,整包出售'],
    ['right-to-left overrides', '\u202e\u2066tropmi lab\u2069 bal import\u202c'],
    ['lone surrogates', 'bal \ud800 import \udfff'],
    ['NUL bytes', 'bal\u0000import'],
    ['a hundred thousand characters', 'bal import '.repeat(9_000)],
    ['markup', '<script>alert(1)</script> =cmd|calc'],
  ])('%s is scored and stored', async (_name, text) => {
    const answer = await ask('analyst', 'POST', '/v1/listings', { text });
    expect(answer.statusCode).toBe(201);
    const { assessment, text: stored } = answer.json();
    expect(stored).toHaveLength(text.length);
    expect(assessment.probability).toBeGreaterThanOrEqual(0);
    expect(assessment.probability).toBeLessThanOrEqual(1);
  });

  test('an address that is not there is said so, within bounds', async () => {
    expect((await ask('analyst', 'GET', '/v1/nothing')).json()).toMatchObject({
      status: 404,
      code: 'ADDRESS_UNKNOWN',
    });
    expect((await ask('analyst', 'GET', '/v1/listings/not-an-id')).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'id' }],
    });
    const missing = await ask('analyst', 'GET', `/v1/listings/${crypto.randomUUID()}`);
    expect(missing.json()).toMatchObject({ status: 404, code: 'LISTING_NOT_FOUND' });
  });
});
