import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { createApiKey } from '../../src/store/api-keys.ts';
import { openStore, type Store } from '../../src/store/db.ts';
import { runSaring, startServiceProcess, startWorkProcess } from '../e2e/service-process.ts';
import { requireBinary } from '../servers/find-binary.ts';
import { freshDatabase } from '../servers/postgres.ts';
import { expectEachRowOnce, nightFile, sendPictures, uploadNight, waitUntilScored } from './night.ts';

const rows = 12_000;

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saring-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function database(): Promise<{ url: string; store: Store }> {
  const { url, drop } = await freshDatabase(inject('databaseUrl'));
  onTestFinished(() => drop());
  return { url, store: await openStore({ engine: 'postgres', url, poolSize: 2 }) };
}

function redisNumber(number: number): string {
  const url = new URL(inject('redisUrl'));
  url.pathname = `/${number}`;
  return url.href;
}

async function chunksDone({ db }: Store): Promise<number> {
  return (
    await db
      .selectFrom('work')
      .where('lane', '=', 'assess')
      .where('state', '=', 'done')
      .select('id')
      .execute()
  ).length;
}

/** As operations/backup.md has it. */
async function runTool(name: 'pg_dump' | 'pg_restore', args: readonly string[]): Promise<void> {
  await promisify(execFile)(requireBinary(name), args);
}

test('PostgreSQL is dumped in the middle of a batch and restored with an empty Redis: each row has one result', async () => {
  const folder = emptyFolder();
  const [captures, copied, dump] = ['captures', 'copied', 'saring.dump'].map((name) => join(folder, name));
  if (captures === undefined || copied === undefined || dump === undefined) throw new Error('no folders');
  const before = await database();
  const { secret: key } = await createApiKey(before.store.db, { name: 'night', role: 'admin' });
  const environment = {
    DATABASE_URL: before.url,
    REDIS_URL: redisNumber(12),
    CAPTURES_FOLDER: captures,
    BATCH_CHUNK_ROWS: '200',
    SHUTDOWN_SECONDS: '2',
  };
  const service = await startServiceProcess(environment);
  const worker = await startWorkProcess(environment);
  const refused = await runSaring(['backup', '--out', dump], {
    env: { SARING_URL: service.address, SARING_KEY: key },
  });
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('back that up with pg_dump') });
  const pictures = sendPictures(service.address, key);
  const body = nightFile(rows);
  const uploading = uploadNight(service.address, key, body);
  await vi.waitFor(async () => expect(await chunksDone(before.store)).toBeGreaterThan(3), 60_000);
  await runTool('pg_dump', ['--format=custom', '--file', dump, before.url]);
  cpSync(captures, copied, { recursive: true });
  const shown = await pictures.end();
  await Promise.all([service.kill(), worker.kill()]);
  await uploading;
  await before.store.close();

  const { url, drop } = await freshDatabase(inject('databaseUrl'));
  onTestFinished(() => drop());
  await runTool('pg_restore', ['--no-owner', '--exit-on-error', '--dbname', url, dump]);
  const restored = { ...environment, DATABASE_URL: url, REDIS_URL: redisNumber(13), CAPTURES_FOLDER: copied };
  const checked = await runSaring(['captures', 'check'], { env: restored });
  expect(checked.out).toMatch(
    /^[1-9]\d* frozen copies checked: 0 missing, 0 altered, \d+ that no record names/,
  );
  expect(checked.code).toBe(0);

  const store = await openStore({ engine: 'postgres', url, poolSize: 2 });
  onTestFinished(() => store.close());
  const after = await chunksDone(store);
  const serviceAgain = await startServiceProcess(restored);
  const workerAgain = await startWorkProcess(restored);
  expect((await uploadNight(serviceAgain.address, key, body))?.status).toBe(202);
  await waitUntilScored(store.db, rows);
  await expectEachRowOnce(store.db, rows);
  expect(await serviceAgain.stop()).toBe(0);
  expect(await workerAgain.stop()).toBe(0);
  process.stderr.write(
    `restored with ${after} of ${rows / 200} chunks done and ${shown} pictures sent meanwhile: 0 rows lost, 0 double\n${checked.out}`,
  );
}, 300_000);

test('an embedded database is backed up from a running service in the middle of a batch, and restored', async () => {
  const folder = emptyFolder();
  const file = join(folder, 'saring.tar.gz');
  const environment = { SARING_DATA: join(folder, 'data'), PICTURES: 'off' };
  const service = await startServiceProcess(environment);
  const key = service.firstKey ?? '';
  const asked = { SARING_URL: service.address, SARING_KEY: key };
  const body = nightFile(rows);
  const uploading = uploadNight(service.address, key, body);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const made = await runSaring(['backup', '--out', file], { env: asked });
  expect(made).toMatchObject({ code: 0, out: '', err: expect.stringContaining(`The backup is in ${file}.`) });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await runSaring(['backup', '--out', file], { env: asked })).toMatchObject({
    code: 1,
    err: expect.stringContaining('is there already'),
  });
  await service.kill();
  await uploading;

  const env = { SARING_DATA: join(folder, 'new'), PICTURES: 'off' };
  mkdirSync(join(env.SARING_DATA, 'captures'), { recursive: true });
  const restored = await runSaring(['restore', file], { env });
  expect(restored.err).toMatch(/^Restored \d+ listings\.\n$/);
  expect(restored.code).toBe(0);
  expect(await runSaring(['restore', file], { env })).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^saring: .*new is not empty \(pg\); move it away.*\n$/),
  });
  const again = await startServiceProcess(env);
  expect(again.firstKey).toBeNull();
  expect((await uploadNight(again.address, key, body))?.status).toBe(202);
  await vi.waitFor(
    async () => {
      const answer = await fetch(`${again.address}/metrics`);
      expect(await answer.text()).toContain('saring_work{lane="assess",state="pending"} 0');
    },
    { timeout: 150_000, interval: 200 },
  );
  expect(await again.stop()).toBe(0);
  const store = await openStore({ engine: 'embedded', folder: env.SARING_DATA });
  onTestFinished(() => store.close());
  await expectEachRowOnce(store.db, rows);
  process.stderr.write(`${restored.err}`);
}, 300_000);

test('a folder that nothing uses is backed up without a service; one in use, and none at all, say so', async () => {
  const folder = emptyFolder();
  const env = { SARING_DATA: join(folder, 'data'), PICTURES: 'off' };
  const file = join(folder, 'saring.tar.gz');
  expect(await runSaring(['backup', '--out', file], { env })).toMatchObject({
    code: 1,
    err: expect.stringContaining('there is no database in'),
  });
  expect(existsSync(env.SARING_DATA)).toBe(false);
  const service = await startServiceProcess(env);
  writeFileSync(join(folder, 'other'), '');
  for (const args of [
    ['backup', '--out', file],
    ['restore', join(folder, 'other')],
  ])
    expect(await runSaring(args, { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('is used by process'),
    });
  const wrong = { SARING_URL: service.address, SARING_KEY: 'saring_wrong' };
  expect(await runSaring(['backup', '--out', file], { env: wrong })).toMatchObject({
    code: 1,
    err: expect.stringContaining('this API key is unknown'),
  });
  expect(await service.stop()).toBe(0);
  expect(await runSaring(['backup', '--out', file], { env })).toMatchObject({ code: 0 });
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  const empty = join(folder, 'new');
  expect(await runSaring(['restore', file], { env: { SARING_DATA: empty } })).toMatchObject({
    code: 0,
    err: 'Restored 0 listings.\n',
  });
  const server = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  for (const args of [
    ['backup', '--out', join(folder, 'x')],
    ['restore', file],
  ]) {
    expect(await runSaring(args, { env: server })).toMatchObject({
      code: 1,
      err: expect.stringContaining('DATABASE_URL names a server'),
    });
  }
}, 120_000);

test('what is no backup is refused and leaves the folder as it was', async () => {
  const folder = emptyFolder();
  const foreign = await PGlite.create();
  const strange = Buffer.from(await (await foreign.dumpDataDir('gzip')).arrayBuffer());
  await foreign.close();
  const files: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    text: Buffer.from('hello'),
    'packed text': gzipSync('hello'),
    'a cut backup': strange.subarray(0, strange.length / 2),
    'a database of somebody else': strange,
  };
  const env = { SARING_DATA: join(folder, 'data') };
  for (const [name, bytes] of Object.entries(files)) {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    const { code, err } = await runSaring(['restore', file], { env });
    expect([name, code, err]).toEqual([
      name,
      1,
      'saring: this is no backup of saring, or it is damaged; nothing was restored\n',
    ]);
    expect(readdirSync(env.SARING_DATA)).toEqual([]);
  }
  expect(await runSaring(['restore', join(folder, 'none')], { env })).toMatchObject({
    code: 1,
    err: expect.stringContaining('cannot be read'),
  });
  expect(readFileSync(join(folder, 'text'), 'utf8')).toBe('hello');
}, 120_000);
