import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type StartedApi, startDistributed, startEmbedded, type TestApi } from './start-api.ts';

const mebibyte = 1024 * 1024;
const small = { BATCH_LIMIT_MIB: '1', PICTURES: 'off' };

const Answer = z.looseObject({ detail: z.string().optional(), code: z.string().optional() });

function rows(count: number): string {
  return Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ id: `r${n}`, text: `bal ${n}` })}\n`,
  ).join('');
}

describe.each([
  ['embedded', () => startEmbedded(small)],
  ['PostgreSQL and Redis', () => startDistributed(5, small)],
] as const)('batches (%s)', (_name, start) => {
  let started: StartedApi;
  let ask: TestApi['ask'];
  let address: string;
  beforeAll(async () => {
    started = await start();
    ask = started.api.ask;
    address = await started.api.api.listen({ port: 0, host: '127.0.0.1' });
  });
  afterAll(async () => {
    await started.api.close();
    await started.remove();
  });

  /** Uploads through a real connection. */
  async function upload(body: Buffer | string, headers: Record<string, string> = {}) {
    const answer = await fetch(`${address}/v1/batches`, {
      method: 'POST',
      body,
      headers: {
        authorization: `Bearer ${started.api.secrets.batch}`,
        'content-type': 'application/x-ndjson',
        ...headers,
      },
    });
    return { status: answer.status, body: Answer.parse(await answer.json()) };
  }

  async function batchWithKey(key: string) {
    return await started.api.services.store.db
      .selectFrom('batch')
      .where('idempotency_key', '=', key)
      .selectAll()
      .executeTakeFirstOrThrow();
  }

  async function whenDone(id: string) {
    return await vi.waitFor(async () => {
      const batch = (await ask('batch', 'GET', `/v1/batches/${id}`)).json();
      expect(batch.done).toBe(true);
      return batch;
    }, 15_000);
  }

  test('gzip is unpacked as it comes, whether a header names it, or the file is packed, or both', async () => {
    const packed = gzipSync(rows(3));
    const sent: [Buffer, Record<string, string>][] = [
      [packed, { 'content-encoding': 'gzip' }],
      [packed, { 'content-type': 'application/gzip' }],
      [gzipSync(packed), { 'content-encoding': 'gzip' }],
    ];
    for (const [body, headers] of sent) {
      const answer = await upload(body, headers);
      expect(answer).toMatchObject({ status: 202, body: { state: 'received', rows: { read: 3, bad: 0 } } });
    }
    expect(await upload('a', { 'content-encoding': 'br' })).toMatchObject({
      status: 415,
      body: { code: 'BODY_COMPRESSED', errors: [{ message: 'must be gzip or absent' }] },
    });
  });

  test('broken gzip keeps the rows before the break, says so, and the whole file goes on after them', async () => {
    const whole = rows(2_000);
    const packed = gzipSync(whole);
    const headers = { 'content-encoding': 'gzip', 'idempotency-key': 'broken' };
    const answer = await upload(packed.subarray(0, packed.byteLength / 2), headers);
    expect(answer).toMatchObject({ status: 422, body: { code: 'INPUT_BROKEN' } });
    const cut = await batchWithKey('broken');
    expect(cut.state).toBe('cut');
    expect(cut.rows_read).toBeGreaterThan(500);
    expect(cut.rows_read).toBeLessThan(1_900);
    expect(answer.body.detail).toContain(`the first ${cut.rows_read} rows are kept as batch ${cut.id}`);
    expect(answer.body.detail).toContain('same Idempotency-Key');
    const again = await upload(packed, headers);
    expect(again).toMatchObject({
      status: 202,
      body: { id: cut.id, state: 'received', rows: { read: 2_000 } },
    });
    expect((await whenDone(cut.id)).rows).toMatchObject({ scored: 2_000, bad: 0, failed: 0 });
    expect(await upload('no gzip', { 'content-encoding': 'gzip' })).toMatchObject({
      status: 422,
      body: { code: 'INPUT_BROKEN' },
    });
  });

  test('a bomb ends at the limit with what came before, and its sender is told, packed or not', async () => {
    const listing = `${JSON.stringify({ text: 'bal segel '.repeat(100) })}\n`;
    const bomb = gzipSync(listing.repeat(20_000));
    expect(bomb.byteLength).toBeLessThan(mebibyte / 4);
    const bombs: [string, Buffer, Record<string, string>][] = [
      ['bomb', bomb, { 'content-encoding': 'gzip' }],
      ['bomb in a bomb', gzipSync(bomb), { 'content-encoding': 'gzip' }],
      ['plain', Buffer.from(listing.repeat(20_000)), {}],
      ['nothing, often', Buffer.concat(Array.from({ length: 60_000 }, () => gzipSync(''))), {}],
    ];
    for (const [name, body, headers] of bombs) {
      const key = name.replaceAll(' ', '-');
      const answer = await upload(body, { ...headers, 'idempotency-key': key });
      expect([name, answer.status, answer.body.code]).toEqual([name, 413, 'BODY_TOO_LARGE']);
      const batch = await batchWithKey(key).catch(() => null);
      if (name !== 'nothing, often') {
        expect(batch?.state).toBe('cut');
        expect(batch?.rows_read).toBeGreaterThan(900);
        expect(batch?.rows_read).toBeLessThan(1_100);
      }
    }
  });
});
