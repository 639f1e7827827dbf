import { request } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { beginBatch } from '../../src/store/batches.ts';
import { failWork } from '../../src/store/work.ts';
import { type StartedApi, startDistributed, startEmbedded, type TestApi } from './start-api.ts';

const mebibyte = 1024 * 1024;
const small = { BATCH_LIMIT_MIB: '1', BATCH_CHUNK_ROWS: '200', PICTURES: 'off' };

const Answer = z.looseObject({
  id: z.string().optional(),
  detail: z.string().optional(),
  code: z.string().optional(),
});

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
  async function upload(body: Buffer | string | Readable, headers: Record<string, string> = {}, query = '') {
    const answer = await fetch(`${address}/v1/batches${query}`, {
      method: 'POST',
      ...(body instanceof Readable ? { body: Readable.toWeb(body), duplex: 'half' } : { body }),
      headers: {
        authorization: `Bearer ${started.api.secrets.batch}`,
        'content-type': 'application/x-ndjson',
        ...headers,
      },
    } as RequestInit); // whose types do not know duplex everywhere
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
    const done = await whenDone(cut.id);
    expect(done.secondsLeft).toBe(0);
    expect(done.rows).toMatchObject({ scored: 2_000, bad: 0, failed: 0 });
    expect(await upload('no gzip', { 'content-encoding': 'gzip' })).toMatchObject({
      status: 422,
      body: { code: 'INPUT_BROKEN' },
    });
  });

  test('a bomb ends at the limit with what came before, and its sender is told, packed or not', async () => {
    const listing = `${JSON.stringify({ text: 'bal segel '.repeat(100) })}\n`;
    const bomb = gzipSync(listing.repeat(20_000));
    expect(bomb.byteLength).toBeLessThan(mebibyte / 4);
    const bombs: [string, Buffer | Readable, Record<string, string>][] = [
      ['bomb', bomb, { 'content-encoding': 'gzip' }],
      ['bomb in a bomb', gzipSync(bomb), { 'content-encoding': 'gzip' }],
      ['plain', Readable.from([Buffer.from(listing.repeat(20_000))]), {}],
      [
        'nothing, often',
        Readable.from([Buffer.concat(Array.from({ length: 60_000 }, () => gzipSync('')))]),
        {},
      ],
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

  test('a connection that is cut keeps what came, and the same upload goes on after it', async () => {
    const key = 'cut';
    const whole = rows(6_000);
    const headers = { 'content-encoding': 'gzip', 'idempotency-key': key };
    const sending = request(`${address}/v1/batches`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${started.api.secrets.batch}`, 'content-type': 'a/b' },
    }).on('error', () => undefined);
    const packed = gzipSync(whole);
    sending.write(packed.subarray(0, packed.byteLength * 0.9));
    await vi.waitFor(async () => expect((await batchWithKey(key)).rows_read).toBeGreaterThan(0), 10_000);
    sending.destroy();
    await vi.waitFor(async () => expect((await batchWithKey(key)).state).toBe('cut'), 10_000);
    const { rows_read } = await batchWithKey(key);
    expect(rows_read).toBeGreaterThan(3_000);
    expect(rows_read).toBeLessThan(6_000);
    expect(await upload(packed, headers)).toMatchObject({
      status: 202,
      body: { rows: { read: 6_000, bad: 0 } },
    });
  });

  test('results come in the order of rows, bad ones with their problem, as NDJSON and CSV that no spreadsheet runs', async () => {
    const lines = Array.from({ length: 1_100 }, (_, n) =>
      n % 100 === 7
        ? `{"id":"=bad${n}","text":`
        : JSON.stringify({
            id: n === 1 ? '=cmd|calc' : `r${n}`,
            text: n % 2 === 0 ? 'ready bal segel import korea, jaket second thrift isi 200 pcs' : `soto ${n}`,
          }),
    );
    const { body } = await upload(lines.join('\n'), { 'idempotency-key': 'results' });
    const path = `/v1/batches/${body.id}/results`;
    await whenDone(String(body.id));

    const whole = await ask('analyst', 'GET', path);
    expect(whole.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-disposition': `attachment; filename="saring-batch-${body.id}.ndjson"`,
      'saring-batch-done': 'true',
      'x-content-type-options': 'nosniff',
    });
    const results = whole.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results.map(({ line }) => line)).toEqual(lines.map((_, n) => n + 1));
    expect(results[7]).toEqual({ line: 8, id: null, problem: expect.stringContaining('not valid JSON') });
    const listing = (await ask('analyst', 'GET', `/v1/listings/${results[0].listingId}`)).json();
    expect(results[0]).toMatchObject({
      id: 'r0',
      verdict: listing.assessment.verdict,
      probability: expect.closeTo(listing.assessment.probability, 5),
      elements: { used: expect.closeTo(listing.assessment.elements.used, 5) },
      modelVersion: listing.assessment.modelVersion,
      policyVersion: listing.assessment.policyVersion,
    });

    const csv = await ask('batch', 'GET', `${path}?format=csv`);
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    const table = csv.body.trim().split('\n');
    expect(table).toHaveLength(1_101);
    expect(table[0]).toBe(
      'line,id,listingId,probability,verdict,clothing,used,imported,offered,bulk,modelVersion,policyVersion,problem',
    );
    expect(table[2]).toMatch(/^2,'=cmd\|calc,/);
    expect(table[8]).toMatch(/^8,,,,,,,,,,,,the record is not valid JSON/);

    const flags = (await ask('batch', 'GET', `${path}?verdict=flag`)).body.trim().split('\n');
    expect(flags).toHaveLength(results.filter(({ verdict }) => verdict === 'flag').length);
    expect(flags.length).toBeGreaterThan(500);
  });

  test('results are for those who may see them, of a batch that is there, in a form that is known', async () => {
    const path = `/v1/batches/${crypto.randomUUID()}/results`;
    expect((await ask('reviewer', 'GET', path)).statusCode).toBe(403);
    expect((await ask('batch', 'GET', path)).json()).toMatchObject({ status: 404, code: 'BATCH_NOT_FOUND' });
    expect((await ask('batch', 'GET', `${path}?format=xml`)).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'format' }],
    });
    const batch = { name: 'begun', createdBy: null, idempotencyKey: null };
    const begun = await beginBatch(started.api.services.store.db, batch);
    const early = await ask('batch', 'GET', `/v1/batches/${begun.id}/results`);
    expect([early.headers['saring-batch-done'], early.body]).toEqual(['false', '']);
    const named = await ask('batch', 'POST', '/v1/batches?name=..%2F%22%0Amal%C3%A1m%20%23', rows(1), {
      'content-type': 'application/x-ndjson',
    });
    const { id } = named.json();
    await whenDone(id);
    expect((await ask('batch', 'GET', `/v1/batches/${id}/results?format=csv`)).headers).toMatchObject({
      'content-disposition': `attachment; filename="saring-malam-${id}.csv"`,
    });
  });

  /** Keeps chunks after a row from being scored, as a fault of the database would; gives what ends it. */
  async function breakScoring(afterRow: number): Promise<() => Promise<void>> {
    const { db } = started.api.services.store;
    await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'broken'; end $$`.execute(
      db,
    );
    await sql`create trigger refuse before insert on batch_item for each row when (new.row_number > ${sql.lit(afterRow)}) execute function refuse()`.execute(
      db,
    );
    return async () => {
      await sql`drop trigger refuse on batch_item`.execute(db);
      await sql`drop function refuse`.execute(db);
    };
  }

  /** The work of a batch once each piece of it has failed. */
  async function failedWork(batchId: string) {
    return await vi.waitFor(async () => {
      const work = await started.api.services.store.db
        .selectFrom('work')
        .where('batch_id', '=', batchId)
        .select(['id', 'attempts', 'state', 'error'])
        .execute();
      expect(work.map(({ error }) => error)).toEqual(work.map(() => expect.stringContaining('broken')));
      return work;
    }, 15_000);
  }

  test('a batch that is cancelled during work scores no more, keeps what it has, and takes no more', async () => {
    const file = rows(1_000);
    const headers = { 'idempotency-key': 'cancel' };
    const mend = await breakScoring(400);
    const { body } = await upload(file, headers);
    const path = `/v1/batches/${body.id}`;
    await vi.waitFor(async () => {
      expect((await ask('batch', 'GET', path)).json()).toMatchObject({ done: false, rows: { scored: 400 } });
    }, 15_000);
    const { rowsPerSecond, secondsLeft } = (await ask('batch', 'GET', path)).json();
    expect(rowsPerSecond).toBeGreaterThan(6);
    expect(Math.abs(secondsLeft - 600 / rowsPerSecond)).toBeLessThan(10);
    const cancelled = await ask('batch', 'POST', `${path}/cancel`);
    expect(cancelled.json()).toMatchObject({ state: 'cancelled', done: true, rows: { scored: 400 } });
    await mend();
    await started.api.services.store.db.updateTable('work').set({ due_at: new Date() }).execute();
    const other = await upload(rows(300));
    await whenDone(String(other.body.id));
    expect((await ask('batch', 'POST', `${path}/cancel`)).json()).toMatchObject({
      state: 'cancelled',
      rows: cancelled.json().rows,
    });
    expect((await ask('batch', 'GET', `${path}/results`)).body.trim().split('\n')).toHaveLength(400);
    expect(await upload(file, headers)).toMatchObject({ status: 409, body: { code: 'BATCH_CANCELLED' } });
    expect((await ask('batch', 'POST', `${path}/retry`)).json()).toMatchObject({ code: 'BATCH_CANCELLED' });
    const done = await ask('batch', 'POST', `/v1/batches/${other.body.id}/cancel`);
    expect(done.json()).toMatchObject({ state: 'received', done: true, rows: { scored: 300 } });
  });

  test('an upload under way ends when its batch is cancelled', async () => {
    const key = 'cancel-upload';
    async function* endless(): AsyncGenerator<Buffer> {
      yield Buffer.from(rows(5_000));
      await vi.waitFor(async () => expect((await batchWithKey(key)).rows_read).toBeGreaterThan(0), 10_000);
      await ask('batch', 'POST', `/v1/batches/${(await batchWithKey(key)).id}/cancel`);
      yield Buffer.from(rows(400));
    }
    const answer = await fetch(`${address}/v1/batches`, {
      method: 'POST',
      body: Readable.toWeb(Readable.from(endless())),
      duplex: 'half',
      headers: {
        authorization: `Bearer ${started.api.secrets.batch}`,
        'content-type': 'application/x-ndjson',
        'idempotency-key': key,
      },
    } as RequestInit);
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'BATCH_CANCELLED' }]);
    expect((await batchWithKey(key)).state).toBe('cancelled');
  });

  test('rows that were given up are scored when they are asked for again', async () => {
    const mend = await breakScoring(0);
    const lines = rows(300).trim().split('\n');
    lines[150] = 'no json';
    const { body } = await upload(lines.join('\n'));
    const path = `/v1/batches/${body.id}`;
    for (const { error, ...work } of await failedWork(String(body.id)))
      await failWork(started.api.services.store.db, work, error ?? '', null);
    await mend();
    expect((await ask('batch', 'GET', path)).json()).toMatchObject({
      done: true,
      rows: { scored: 0, failed: 299, bad: 1 },
    });
    const { problems } = (await ask('batch', 'GET', path)).json();
    expect(problems).toHaveLength(100);
    const problem = expect.stringMatching(/^given up after \d tr(?:y|ies): .*broken/);
    expect(problems[0]).toEqual({ line: 1, id: 'r0', problem });
    const became = (await ask('batch', 'GET', `${path}/results`)).body.trim().split('\n');
    expect(became.map((line) => JSON.parse(line))).toEqual(
      lines.map((_, n) =>
        n === 150
          ? { line: n + 1, id: null, problem: expect.stringContaining('JSON') }
          : { line: n + 1, id: `r${n}`, problem },
      ),
    );
    const table = (await ask('batch', 'GET', `${path}/results?format=csv`)).body.trim().split('\n');
    expect(table).toHaveLength(301);
    expect(table[300]).toMatch(/^300,r299,,,,,,,,,,,"?given up after/);
    expect((await ask('batch', 'GET', `${path}/results?verdict=flag`)).body).toBe('');
    const again = await ask('batch', 'POST', `${path}/retry`);
    expect([again.statusCode, again.json().rows.read]).toEqual([200, 300]);
    await vi.waitFor(async () => {
      expect((await ask('batch', 'GET', path)).json()).toMatchObject({
        done: true,
        rows: { scored: 299, failed: 0 },
      });
    }, 15_000);
    expect((await ask('batch', 'GET', path)).json().problems).toHaveLength(1);
    expect((await ask('batch', 'POST', `${path}/retry`)).json()).toMatchObject({ rows: { scored: 299 } });
    expect((await ask('reviewer', 'POST', `${path}/retry`)).statusCode).toBe(403);
  });

  test('tells of progress as it goes on, and of the end', async () => {
    const headers = { authorization: `Bearer ${started.api.secrets.batch}` };
    const { body } = await upload(rows(450));
    const answer = await fetch(`${address}/v1/batches/${body.id}/events`, { headers });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const events = (await answer.text()).trim().split('\n\n');
    const last = events.at(-1) ?? '';
    expect(last).toMatch(/^event: end\ndata: \{/);
    expect(JSON.parse(last.slice(last.indexOf('{')))).toMatchObject({ done: true, rows: { scored: 450 } });
    for (const event of events.slice(0, -1)) expect(event).toMatch(/^event: progress\ndata: \{/);
    expect((await ask('batch', 'GET', `/v1/batches/${crypto.randomUUID()}/events`)).statusCode).toBe(404);
  });
});

test('a service that closes ends the events that it still tells', async () => {
  const { api, remove } = await startEmbedded(small);
  const address = await api.api.listen({ port: 0, host: '127.0.0.1' });
  const open = { name: 'never received', createdBy: null, idempotencyKey: null };
  const { id } = await beginBatch(api.services.store.db, open);
  const headers = { authorization: `Bearer ${api.secrets.batch}` };
  const answer = await fetch(`${address}/v1/batches/${id}/events`, { headers });
  const told = answer.text();
  await api.close();
  expect(await told).toMatch(/^event: progress\ndata: \{[^\n]+\}\n\n$/);
  await remove();
});
