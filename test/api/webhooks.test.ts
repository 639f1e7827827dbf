import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { giveUpWork } from '../../src/store/batch-work.ts';
import { beginBatch, endBatchUpload } from '../../src/store/batches.ts';
import { addWork } from '../../src/store/work.ts';
import { type Received, type Receiver, startReceiver, verify } from '../outbound/receiver.ts';
import { type StartedApi, startDistributed, startEmbedded, type TestApi } from './start-api.ts';

describe.each([
  ['embedded', (settings: Record<string, string>) => startEmbedded(settings)],
  ['PostgreSQL and Redis', (settings: Record<string, string>) => startDistributed(8, settings)],
] as const)('webhooks (%s)', (_name, start) => {
  let started: StartedApi;
  let ask: TestApi['ask'];
  let receiver: Receiver;
  /** What the receiver answers at a path, one after the other and the last one ever after; 204 where nothing is said. */
  const answers = new Map<string, [status: number, headers?: Record<string, string>][]>();
  beforeAll(async () => {
    receiver = await startReceiver((response, { path }) => {
      const left = answers.get(path) ?? [];
      const [status, headers] = (left.length > 1 ? left.shift() : left[0]) ?? [204];
      response.writeHead(status, headers).end();
    });
    started = await start({ PICTURES: 'off', WEBHOOK_ALLOWED: `127.0.0.1:${receiver.port}` });
    ask = started.api.ask;
  });
  afterAll(async () => {
    await started.api.close();
    await started.remove();
    await receiver.close();
  });

  async function submit(path: string, rows = 3): Promise<string> {
    const body = Array.from({ length: rows }, (_, n) => `${JSON.stringify({ text: `bal ${n}` })}\n`).join('');
    const query = new URLSearchParams({ webhook: receiver.at(path), name: 'malam' });
    const type = { 'content-type': 'application/x-ndjson' };
    const answer = await ask('batch', 'POST', `/v1/batches?${query}`, `${body}no json\n`, type);
    expect(answer.statusCode).toBe(202);
    return answer.json().id;
  }

  async function secretOf(path: string, role: 'batch' | 'analyst' = 'batch'): Promise<string> {
    const answer = await ask(role, 'POST', '/v1/webhooks', { url: receiver.at(path) });
    expect(answer.statusCode).toBe(200);
    return answer.json().secret;
  }

  async function deliveries(id: string) {
    return (await ask('analyst', 'GET', `/v1/batches/${id}/deliveries`)).json().deliveries;
  }

  /** The log of a batch when it has so many tries, all messages together. */
  async function afterTries(id: string, tries: number) {
    return await vi.waitFor(async () => {
      const log = await deliveries(id);
      expect(log.flatMap(({ attempts }: { attempts: unknown[] }) => attempts)).toHaveLength(tries);
      return log;
    }, 15_000);
  }

  /** Lets the time pass until everything is tried again. */
  async function passTime(): Promise<void> {
    const { db } = started.api.services.store;
    await db
      .updateTable('work')
      .set({ due_at: new Date(0) })
      .where('state', '=', 'pending')
      .execute();
    started.api.services.ringSoon();
  }

  const at = (path: string): Received[] => receiver.received.filter((message) => message.path === path);

  test('the end of a batch is told once, signed, with its counts and no text of it', async () => {
    const secret = await secretOf('/done');
    expect(secret).toMatch(/^whsec_[\w+/]{43}=$/);
    expect(await secretOf('/done')).toBe(secret);
    expect(await secretOf('/done', 'analyst')).not.toBe(secret);
    expect(await secretOf('/other')).not.toBe(secret);
    const id = await submit('/done', 700);
    const [delivery, ...more] = await afterTries(id, 1);
    expect(more).toEqual([]);
    expect(delivery).toEqual({
      id: expect.any(String),
      event: 'batch.done',
      to: `http://127.0.0.1:${receiver.port}`,
      state: 'delivered',
      createdAt: expect.any(String),
      nextTryAt: null,
      attempts: [{ begunAt: expect.any(String), durationMs: expect.any(Number), status: 204, problem: null }],
    });
    const [message, ...others] = at('/done');
    if (message === undefined) throw new Error('nothing came');
    expect(others).toEqual([]);
    expect(message.headers['webhook-id']).toBe(delivery.id);
    expect(verify(message, secret)).toEqual({
      type: 'batch.done',
      timestamp: expect.any(String),
      data: {
        id,
        name: 'malam',
        state: 'received',
        done: true,
        rows: { read: 701, bad: 1, scored: 700, flagged: expect.any(Number), failed: 0 },
        createdAt: expect.any(String),
        receivedAt: expect.any(String),
      },
    });
    await passTime();
    const other = await submit('/later');
    await afterTries(other, 1);
    expect(at('/done')).toHaveLength(1);
  });

  test('a receiver that fails is asked again under the same id, signed anew, and the log tells of both', async () => {
    answers.set('/fails', [[500], [200]]);
    const id = await submit('/fails');
    const [waiting] = await afterTries(id, 1);
    expect(waiting).toMatchObject({ state: 'waiting', attempts: [{ status: 500 }] });
    expect(waiting.attempts[0].problem).toContain('did not take the message (500)');
    await vi.waitFor(async () => {
      const [{ nextTryAt }] = await deliveries(id);
      expect(Date.parse(nextTryAt)).toBeGreaterThan(Date.parse(waiting.attempts[0].begunAt) + 4_000);
    }, 5_000);
    await passTime();
    const [delivered] = await afterTries(id, 2);
    expect(delivered).toMatchObject({ state: 'delivered', attempts: [{ status: 500 }, { status: 200 }] });
    const secret = await secretOf('/fails');
    for (const message of at('/fails')) {
      expect(message.headers['webhook-id']).toBe(delivered.id);
      expect(verify(message, secret)).toMatchObject({ data: { id } });
    }
  });

  test('Retry-After is heeded, 410 is the last try, and a redirect is not followed', async () => {
    answers.set('/later', [[429, { 'retry-after': '3600' }]]);
    answers.set('/gone', [[410]]);
    answers.set('/moved', [[307, { location: receiver.at('/secret') }]]);
    const later = await submit('/later');
    const gone = await submit('/gone');
    const moved = await submit('/moved');
    await afterTries(later, 1);
    await vi.waitFor(async () => {
      const [{ nextTryAt }] = await deliveries(later);
      expect(Date.parse(nextTryAt) - Date.now()).toBeGreaterThan(3_500_000);
    }, 5_000);
    expect(await afterTries(gone, 1)).toMatchObject([{ state: 'failed', nextTryAt: null }]);
    expect(await afterTries(moved, 1)).toMatchObject([{ state: 'waiting', attempts: [{ status: 307 }] }]);
    expect(at('/secret')).toEqual([]);
  });

  test('after ten tries a message is given up, and told again when somebody asks', async () => {
    answers.set('/stubborn', [[503]]);
    const id = await submit('/stubborn');
    for (let tries = 1; tries < 10; tries += 1) {
      await afterTries(id, tries);
      // Only what has been put off again can be let wait no longer.
      await vi.waitFor(
        async () => expect(Date.parse((await deliveries(id))[0].nextTryAt)).toBeGreaterThan(Date.now()),
        5_000,
      );
      await passTime();
    }
    const [failed] = await afterTries(id, 10);
    expect(failed).toMatchObject({ state: 'failed', nextTryAt: null });
    answers.delete('/stubborn');
    const path = `/v1/batches/${id}/deliveries`;
    const again = await ask('batch', 'POST', `${path}/${failed.id}/retry`);
    expect([again.statusCode, again.json().deliveries.length]).toEqual([200, 1]);
    expect(await afterTries(id, 11)).toMatchObject([{ state: 'delivered' }]);
    expect(new Set(at('/stubborn').map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([failed.id]),
    );
    for (const wrong of [
      `${path}/${crypto.randomUUID()}/retry`,
      `/v1/batches/${crypto.randomUUID()}/deliveries/${failed.id}/retry`,
    ])
      expect((await ask('batch', 'POST', wrong)).json()).toMatchObject({
        status: 404,
        code: 'DELIVERY_NOT_FOUND',
      });
    expect((await ask('batch', 'GET', `/v1/batches/${crypto.randomUUID()}/deliveries`)).statusCode).toBe(404);
    expect((await ask('reviewer', 'GET', path)).statusCode).toBe(403);
  }, 60_000);

  test('each end is told once: rows given up, taken up again, and a batch cancelled', async () => {
    const { services } = started.api;
    const { db } = services.store;
    const { id: webhookId } = await db
      .selectFrom('webhook')
      .where('url', '=', receiver.at('/done'))
      .select('id')
      .executeTakeFirstOrThrow();
    const upload = { name: 'ends', createdBy: null, idempotencyKey: null, webhookId };
    const { id } = await beginBatch(db, upload);
    const chunk = {
      batchId: id,
      rows: [{ row: 1, line: 1, id: 'poison', listing: { text: 'bal', imageUrls: 'none' } }],
    };
    await db.updateTable('batch').set({ rows_read: 1 }).where('id', '=', id).execute();
    const workId = await addWork(db, { lane: 'assess', key: `${id}:0`, payload: chunk, batchId: id });
    await endBatchUpload(db, id, 'received');
    expect(await deliveries(id)).toEqual([]);
    // The service has the work in hand now and then; then another attempt is the newest.
    const giveUp = async () => {
      const work = () =>
        db
          .selectFrom('work')
          .where('id', '=', String(workId))
          .select(['id', 'attempts', 'state'])
          .executeTakeFirstOrThrow();
      await vi.waitFor(async () => {
        await giveUpWork(db, await work(), 'poison');
        expect(await work()).toMatchObject({ state: 'failed' });
      });
    };
    for (let time = 0; time < 2; time += 1) await giveUp();
    services.ringSoon();
    const [first] = await afterTries(id, 1);
    const told = at('/done').filter(({ headers }) => headers['webhook-id'] === first.id);
    expect(told.map(({ body }) => JSON.parse(body).data.rows)).toMatchObject([
      { read: 1, scored: 0, failed: 1 },
    ]);
    expect((await ask('batch', 'POST', `/v1/batches/${id}/retry`)).json()).toMatchObject({
      rows: { read: 1 },
    });
    // The row is as poisonous as before, so it is given up anew.
    await giveUp();
    services.ringSoon();
    expect(await afterTries(id, 2)).toHaveLength(2);

    const waits = await beginBatch(db, { ...upload, name: 'cancelled' });
    for (let time = 0; time < 2; time += 1) await ask('batch', 'POST', `/v1/batches/${waits.id}/cancel`);
    expect(await afterTries(waits.id, 1)).toMatchObject([{ event: 'batch.cancelled', state: 'delivered' }]);
    const cut = await beginBatch(db, { ...upload, name: 'cut' });
    await endBatchUpload(db, cut.id, 'cut');
    expect(await deliveries(cut.id)).toEqual([]);
  });

  test('an address that must not be asked is refused with the field that names it, and nothing is stored', async () => {
    const type = { 'content-type': 'application/x-ndjson' };
    const before = (await ask('batch', 'GET', '/v1/batches?limit=200')).json().batches.length;
    for (const [address, words] of [
      ['ftp://example.com/', 'only http and https'],
      ['https://user:pass@example.com/', 'user name or password'],
      ['http://10.0.0.1/', 'no public address'],
      ['http://[::1]/', 'no public address'],
      [`http://127.0.0.2:${receiver.port}/`, 'no public address'],
      ['nowhere', 'cannot be read'],
    ] as const) {
      const query = new URLSearchParams({ webhook: address });
      const answer = await ask('batch', 'POST', `/v1/batches?${query}`, '{"text":"bal"}\n', type);
      const message = expect.stringContaining(words);
      expect(answer.json()).toMatchObject({ status: 422, errors: [{ field: 'webhook', message }] });
      expect((await ask('batch', 'POST', '/v1/webhooks', { url: address })).json()).toMatchObject({
        status: 422,
        errors: [{ field: 'url', message }],
      });
    }
    expect((await ask('batch', 'GET', '/v1/batches?limit=200')).json().batches).toHaveLength(before);
  });
});
