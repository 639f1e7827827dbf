import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { createApiKey } from '../../src/store/api-keys.ts';
import { openStore } from '../../src/store/db.ts';
import { runSaring, startServiceProcess, startWorkProcess } from '../e2e/service-process.ts';
import { freshDatabase } from '../servers/postgres.ts';
import { startLoad } from './load.ts';
import { expectEachRowOnce, waitUntilScored } from './night.ts';
import { holdSocket } from './socket-holder.ts';

const restarts = 4;
const rows = 20_000;
const rowsAtOnce = 200;

async function startStores() {
  const folder = mkdtempSync(join(tmpdir(), 'saring-restart-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const database = await freshDatabase(inject('databaseUrl'));
  onTestFinished(() => database.drop());
  const store = await openStore({ engine: 'postgres', url: database.url, poolSize: 2 });
  onTestFinished(() => store.close());
  const redis = new URL(inject('redisUrl'));
  redis.pathname = '/11';
  const { secret: key } = await createApiKey(store.db, { name: 'load', role: 'admin' });
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.href,
    PICTURES: 'off',
    BATCH_CHUNK_ROWS: '200',
    SHUTDOWN_SECONDS: '4',
    SARING_DATA: folder,
  };
  return { db: store.db, key, folder, environment };
}

/** A file that comes slowly, so that restarts find its upload under way. */
async function* slowFile(pauseMs: number): AsyncGenerator<string> {
  for (let from = 0; from < rows; from += rowsAtOnce) {
    yield Array.from({ length: rowsAtOnce }, (_, n) => {
      const id = `p${from + n}`;
      return `${JSON.stringify({ id, platform: 'x', text: `bal segel import ${id}` })}\n`;
    }).join('');
    await setTimeout(pauseMs);
  }
}

/** Uploads until it is taken, each time a little faster; resolves to the batch's address and how often it was sent. */
async function upload(address: string, key: string): Promise<{ location: string; sent: number }> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/x-ndjson',
    'idempotency-key': 'night',
  };
  for (let sent = 1; ; sent += 1) {
    const body = Readable.toWeb(Readable.from(slowFile(120 / sent ** 2)));
    const options = { method: 'POST', headers, body, duplex: 'half' as const };
    const answer = await fetch(`${address}/v1/batches`, options).catch(() => null);
    if (answer?.status === 202) return { location: answer.headers.get('location') ?? '', sent };
    await answer?.body?.cancel();
    await setTimeout(100);
  }
}

test('services and workers are replaced one after another under load: no request fails, no row is lost or double', async () => {
  const { db, key, folder, environment } = await startStores();
  const holder = await holdSocket(environment);
  onTestFinished(() => holder.close());
  let service = await holder.start(join(folder, 'serve-0.log'));
  const workers = [await startWorkProcess(environment), await startWorkProcess(environment)];
  const load = startLoad(holder.address, key, { kept: 6, fresh: 3 });
  const uploading = upload(holder.address, key);

  for (let n = 1; n <= restarts; n += 1) {
    const next = await holder.start(join(folder, `serve-${n}.log`));
    expect(await service.stop()).toBe(0);
    service = next;
    workers.push(await startWorkProcess(environment));
    expect(await workers.shift()?.stop()).toBe(0);
  }
  const { location, sent } = await uploading;
  await waitUntilScored(db, rows);
  const { answers, failures } = await load.end();
  expect(failures).toEqual([]);
  expect(Object.keys(answers)).toHaveLength(6);
  expect(location).toMatch(/^\/v1\/batches\//);
  await expectEachRowOnce(db, rows);
  const tries = await db
    .selectFrom('work')
    .where('batch_id', 'is not', null)
    .where('attempts', '>', 1)
    .select('id')
    .execute();
  expect(tries).toEqual([]);
  expect(await service.stop()).toBe(0);
  for (const worker of workers) expect(await worker.stop()).toBe(0);
  const total = Object.values(answers).reduce((sum, each) => sum + each, 0);
  process.stderr.write(
    `${restarts} restarts of each, ${total} requests, 0 failed; ${rows} rows, uploaded ${sent} times, 0 lost, 0 double\n`,
  );
}, 300_000);

test('an embedded service is stopped and started again behind its socket: requests wait, and none fails', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-restart-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const environment = { SARING_DATA: join(folder, 'data'), PICTURES: 'off' };
  const created = await runSaring(['keys', 'create', '--name', 'load', '--role', 'admin'], {
    env: environment,
  });
  const holder = await holdSocket(environment);
  onTestFinished(() => holder.close());
  let service = await holder.start(join(folder, 'serve-0.log'));
  const load = startLoad(holder.address, created.out.trim(), { kept: 3, fresh: 3 });
  for (let n = 1; n <= 2; n += 1) {
    expect(await service.stop()).toBe(0);
    service = await holder.start(join(folder, `serve-${n}.log`));
  }
  const { answers, failures } = await load.end();
  expect(failures).toEqual([]);
  expect(Object.keys(answers)).toHaveLength(6);
  expect(await service.stop()).toBe(0);
}, 120_000);

test('readiness says that the service ends while it still serves; then connections are told to close', async () => {
  const { key, environment } = await startStores();
  const service = await startServiceProcess({ ...environment, DRAIN_SECONDS: '3' });
  const headers = { authorization: `Bearer ${key}` };
  const ready = async () => await fetch(`${service.address}/health/ready`);
  expect((await ready()).status).toBe(200);
  const load = startLoad(service.address, key, { kept: 3, fresh: 0 });
  const stopping = service.stop();
  await vi.waitFor(async () => expect((await ready()).status).toBe(503));
  expect(await (await ready()).json()).toMatchObject({ status: 'ending', checks: { database: 'ok' } });
  const served = await fetch(`${service.address}/v1/listings`, { headers });
  expect([served.status, served.headers.get('connection')]).toEqual([200, 'keep-alive']);
  const { failures } = await load.end();
  expect(failures).toEqual([]);
  expect(await stopping).toBe(0);
}, 60_000);

test('an upload that takes longer than the service waits is cut off, and its batch says so', async () => {
  const { db, key, environment } = await startStores();
  const service = await startServiceProcess({ ...environment, SHUTDOWN_SECONDS: '1' });
  const body = Readable.toWeb(Readable.from(slowFile(100)));
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
  const options = { method: 'POST', headers, body, duplex: 'half' as const };
  const uploading = fetch(`${service.address}/v1/batches`, options).catch(() => null);
  const rowsRead = async () =>
    (await db.selectFrom('batch').select('rows_read').executeTakeFirst())?.rows_read;
  await vi.waitFor(async () => expect(await rowsRead()).toBeGreaterThan(0), 20_000);
  expect(await service.stop()).toBe(0);
  expect(await uploading).toBeNull();
  const batch = await db.selectFrom('batch').selectAll().executeTakeFirstOrThrow();
  expect(batch.state).toBe('cut');
  expect(batch.rows_read).toBeLessThan(rows);
}, 60_000);

test('a socket for another process is not taken, and more than one is refused', async () => {
  const { environment } = await startStores();
  const service = await startServiceProcess({ ...environment, LISTEN_PID: '1', LISTEN_FDS: '1' });
  expect(await service.stop()).toBe(0);
  const shell = `LISTEN_FDS=2 LISTEN_PID=$$ exec "$0" "$@"`;
  expect(await runSaring(['serve'], { env: environment, shell })).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^saring: one listening socket can be taken over, and LISTEN_FDS is 2/),
  });
}, 60_000);
