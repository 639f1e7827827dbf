import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { measureReviews } from '../../src/review/measure-reviews.ts';
import { createApiKey } from '../../src/store/api-keys.ts';
import { openStore, type Store } from '../../src/store/db.ts';
import { measureBatches, measureLanes } from '../../src/store/measure-backlog.ts';
import { type ServiceProcess, startServiceProcess, startWorkProcess } from '../e2e/service-process.ts';
import { freshDatabase, startPostgres } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import { nightFile, uploadNight, waitUntilScored } from './night.ts';

const rows = 600;
const operations = join(import.meta.dirname, '../../operations');

/** The variable by which a dashboard lets its reader choose where to ask. */
const datasource = ['$', '{datasource}'].join('');

const Rule = z.object({
  alert: z.string(),
  expr: z.string(),
  for: z.string(),
  labels: z.object({ severity: z.enum(['page', 'ticket']) }),
  annotations: z.object({ summary: z.string().min(10), runbook: z.string().min(40) }),
});
const Claimed = z.object({
  reviews: z.tuple([z.object({ id: z.string(), claim: z.object({ token: z.int() }) })]),
});
const Rules = z.object({ groups: z.array(z.object({ name: z.string(), rules: z.array(Rule) })) });
const Dashboard = z.object({
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string() })) }),
  panels: z.array(
    z.object({
      title: z.string(),
      gridPos: z.object({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
      fieldConfig: z.object({ defaults: z.object({ unit: z.string() }) }).optional(),
      targets: z
        .array(z.object({ expr: z.string(), datasource: z.object({ uid: z.literal(datasource) }) }))
        .optional(),
    }),
  ),
});

const read = (name: string) => readFileSync(join(operations, name), 'utf8');
const rules = Rules.parse(parse(read('alerts.yaml'))).groups.flatMap((group) => group.rules);
const dashboard = Dashboard.parse(JSON.parse(read('grafana-dashboard.json')));
const expressions = [
  ...rules.map(({ alert, expr }) => ({ name: alert, expr })),
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ name: title, expr })),
  ),
];

/** Metrics of ours that an expression names, each with the labels that must have a value literally. */
function namedMetrics(expr: string): { metric: string; labels: string[] }[] {
  return [...expr.matchAll(/\b((?:saring|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, metric = '', inside = '']) => ({
      metric,
      labels: [...inside.matchAll(/\w+="[^"]*"/g)].map(([label]) => label),
    }),
  );
}

async function pageOf(address: string): Promise<string> {
  const answer = await fetch(`${address}/metrics`, { signal: AbortSignal.timeout(10_000) });
  expect(answer.status).toBe(200);
  return await answer.text();
}

describe('dashboard and alert rules', () => {
  let service: ServiceProcess;
  let worker: ServiceProcess;
  let lines: string[];
  let drop: () => Promise<void>;
  let folder: string;
  let pictures: Server;
  let key: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'saring-metrics-'));
    const database = await freshDatabase(inject('databaseUrl'));
    drop = database.drop;
    const store = await openStore({ engine: 'postgres', url: database.url, poolSize: 2 });
    key = (await createApiKey(store.db, { name: 'night', role: 'admin' })).secret;
    const picture = await sharp({ create: { width: 80, height: 80, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    pictures = createServer((request, answer) =>
      request.url === '/there' ? answer.end(picture) : answer.writeHead(404).end(),
    ).listen(0, '127.0.0.1');
    await once(pictures, 'listening');
    const redis = new URL(inject('redisUrl'));
    redis.pathname = '/14';
    const environment = {
      DATABASE_URL: database.url,
      REDIS_URL: redis.href,
      SARING_DATA: folder,
      BATCH_CHUNK_ROWS: '200',
      CAPTURES_FOLDER: join(folder, 'captures'),
      PICTURE_ALLOWED: pictureHost(),
    };
    service = await startServiceProcess(environment);
    worker = await startWorkProcess({ ...environment, METRICS_PORT: '0' });
    expect((await uploadNight(service.address, key, nightFile(rows)))?.status).toBe(202);
    await waitUntilScored(store.db, rows);
    await store.close();
    lines = [];
    for (const { address } of [service, worker]) lines.push(...(await pageOf(address)).split('\n'));
  });
  afterAll(async () => {
    expect(await worker.stop()).toBe(0);
    expect(await service.stop()).toBe(0);
    pictures.close();
    await drop();
    rmSync(folder, { recursive: true, force: true });
  });

  function pictureHost(): string {
    return `127.0.0.1:${(pictures.address() as AddressInfo).port}`; // listens on TCP
  }

  async function post(path: string, body: object): Promise<unknown> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const answer = await fetch(`${service.address}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    expect(answer.status).toBeLessThan(300);
    return await answer.json();
  }

  test.each(expressions)('$name asks for what the pages have', ({ expr }) => {
    const named = namedMetrics(expr);
    expect(named.length + (expr.match(/\bup\b/g)?.length ?? 0)).toBeGreaterThan(0);
    for (const { metric, labels } of named) {
      const found = lines.some(
        (line) => line.split(/[{ ]/)[0] === metric && labels.every((label) => line.includes(label)),
      );
      expect([metric, labels, found]).toEqual([metric, labels, true]);
    }
  });

  test('every metric of ours has a panel and is told of', () => {
    const told = read('monitoring.md');
    const shown = new Set(expressions.flatMap(({ expr }) => namedMetrics(expr).map(({ metric }) => metric)));
    const ours = lines.flatMap((line) => /^# TYPE (saring_\w+) (\w+)/.exec(line)?.slice(1) ?? []);
    expect(ours.length).toBeGreaterThan(20);
    for (let n = 0; n < ours.length; n += 2) {
      const [name = '', type] = ours.slice(n, n + 2);
      const series = type === 'histogram' ? [`${name}_bucket`, `${name}_count`] : [name];
      expect([name, series.some((each) => shown.has(each)), told.includes(`\`${name}`)]).toEqual([
        name,
        true,
        true,
      ]);
    }
  });

  test('panels lie side by side, each with a unit; the rules have names of their own', () => {
    const taken = new Set<string>();
    for (const { title, gridPos, fieldConfig, targets } of dashboard.panels) {
      if (targets !== undefined)
        expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.stringMatching(/./)]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, x < 24, taken.has(`${x},${y}`)]).toEqual([title, true, false]);
          taken.add(`${x},${y}`);
        }
    }
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  test('a process that only works shows its health and what it has done', async () => {
    expect(await (await fetch(`${worker.address}/health/live`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${worker.address}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      expect.objectContaining({ status: 'ok', checks: { database: 'ok', queue: 'ok' } }),
    ]);
    expect((await fetch(`${worker.address}/v1/listings`)).status).toBe(404);
    const page = await pageOf(worker.address);
    expect(page).toContain(`saring_work_ended_total{lane="assess",outcome="done"} ${rows / 200}`);
    expect(page).toContain(`saring_work_age_seconds_count{lane="assess"} ${rows / 200}`);
    const assessed = [...page.matchAll(/saring_assessments_total\{verdict="\w+",by="batch"\} (\d+)/g)];
    expect(assessed.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(rows);
    expect(await pageOf(service.address)).toContain(
      'saring_work_ended_total{lane="assess",outcome="done"} 0',
    );
  });

  test('pictures are counted by what became of them, decisions by what was decided and taken back', async () => {
    const imageUrls = ['there', 'gone'].map((name) => `http://${pictureHost()}/${name}`);
    await post('/v1/listings', { text: 'bal segel import korea', imageUrls });
    await vi.waitFor(
      async () => {
        const page = await pageOf(worker.address);
        expect(page).toContain('saring_captures_total{outcome="captured"} 1');
        expect(page).toContain('saring_captures_total{outcome="refused"} 1');
      },
      { timeout: 30_000, interval: 200 },
    );
    const { reviews } = Claimed.parse(await post('/v1/reviews/claim', {}));
    const [review] = reviews;
    await post(`/v1/reviews/${review.id}/decide`, {
      token: review.claim.token,
      outcome: 'confirmed',
      elements: [],
      reason: 'bal',
    });
    await post(`/v1/reviews/${review.id}/undo`, {});
    const page = await pageOf(service.address);
    for (const line of ['{outcome="confirmed"} 1', '{outcome="undone"} 1', '{outcome="dismissed"} 0'])
      expect(page).toContain(`saring_decisions_total${line}`);
    expect(page).toContain('saring_reviews{state="claimed"} 1');
  });
});

test('a page answers although database and Redis do not, says so, and has everything again when they are back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-away-'));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [postgres, redis] = await Promise.all([startPostgres(folder), startRedis(folder)]);
  onTestFinished(() => postgres.kill());
  onTestFinished(() => redis.kill());
  const service = await startServiceProcess({
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    PICTURES: 'off',
  });
  const states = async () => {
    const page = await pageOf(service.address);
    const part = (name: string) => new RegExp(`saring_up\\{part="${name}"\\} (\\d)`).exec(page)?.[1];
    return [
      part('database'),
      part('queue'),
      /^saring_work\{/m.test(page),
      /^saring_reviews_oldest/m.test(page),
      /^saring_queue_bells\{/m.test(page),
    ];
  };
  const all = ['1', '1', true, true, true];
  const none = ['0', '0', false, false, false];
  expect(await states()).toEqual(all);

  // A server that is there and does not answer: somebody's lock holds up all that asks.
  const locker = new pg.Client({ connectionString: postgres.url });
  await locker.connect();
  await locker.query('begin; lock table work in access exclusive mode');
  redis.freeze();
  expect(await states()).toEqual(none);
  const ready = await fetch(`${service.address}/health/ready`, { signal: AbortSignal.timeout(10_000) });
  expect([ready.status, await ready.json()]).toEqual([
    503,
    expect.objectContaining({ status: 'failed', checks: { database: 'ok', queue: 'failed' } }),
  ]);
  expect(await Promise.all(Array.from({ length: 20 }, states))).toEqual(
    Array.from({ length: 20 }, () => none),
  );
  const held = await locker.query(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`);
  expect(held.rows).toHaveLength(1);
  await locker.query('commit');
  await locker.end();
  redis.thaw();
  await vi.waitFor(async () => expect(await states()).toEqual(all), { timeout: 30_000, interval: 200 });

  await Promise.all([postgres.kill(), redis.kill()]);
  await vi.waitFor(async () => expect(await states()).toEqual(none), { timeout: 30_000, interval: 200 });
  await Promise.all([postgres.start(), redis.start()]);
  await vi.waitFor(async () => expect(await states()).toEqual(all), { timeout: 30_000, interval: 200 });
  expect(await service.stop()).toBe(0);
}, 120_000);

describe('measuring a table of done work and decided reviews', () => {
  let url: string;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    ({ url, drop } = await freshDatabase(inject('databaseUrl')));
    await withStore(fill);
  });
  afterAll(async () => await drop());

  async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
    const store = await openStore({ engine: 'postgres', url, poolSize: 1 });
    return await use(store).finally(() => store.close());
  }

  async function fill({ db }: Store): Promise<void> {
    const statements = [
      `insert into work (id, lane, key, payload, state, due_at, finished_at)
        select gen_random_uuid(), 'assess', 'done ' || n, '{}', 'done', now(), now() from generate_series(1, 50000) n`,
      `insert into work (id, lane, key, payload, state, due_at)
        select gen_random_uuid(), 'read', 'due ' || n, '{}', 'pending', now() - interval '1 hour' from generate_series(1, 7) n`,
      `insert into work (id, lane, key, payload, state, due_at)
        select gen_random_uuid(), 'capture', 'later', '{}', 'pending', now() + interval '1 hour'`,
      `insert into work (id, lane, key, payload, state, due_at, finished_at)
        select gen_random_uuid(), 'capture', 'lost', '{}', 'failed', now(), now()`,
      `insert into listing (id, platform, text, image_urls, revision)
        select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'x', 'teks', '[]', 1 from generate_series(1, 20000) n`,
      `insert into assessment (id, listing_id, revision, model_version, policy_version, probability, clothing, used,
          imported, offered, bulk, spans, verdict, priority)
        select id, id, 1, 'm', 'p', 1, 1, 1, 1, 1, 1, '[]', 'flag', 1 from listing`,
      `insert into review (id, listing_id, revision, assessment_id, state, priority, created_at)
        select id, id, 1, id, 'decided', 1, now() - interval '9 days' from listing order by id offset 3`,
      `insert into review (id, listing_id, revision, assessment_id, state, priority, created_at)
        select id, id, 1, id, 'waiting', 1, now() - interval '2 hours' from listing order by id limit 3`,
      `insert into batch (id, name, state) select gen_random_uuid(), 'n' || n, 'received' from generate_series(1, 20000) n`,
      `insert into batch (id, name, state, created_at) values (gen_random_uuid(), 'cut', 'receiving', now() - interval '3 hours')`,
    ];
    for (const statement of statements) await sql.raw(statement).execute(db);
    await sql`vacuum analyze work, review, batch`.execute(db);
  }

  const tablesRead = async () =>
    await withStore(async ({ db }) => {
      const { rows: found } = await sql<{ name: string; scans: number }>`
        select relname as name, seq_scan as scans from pg_stat_user_tables
        where relname in ('work', 'review', 'batch') order by relname`.execute(db);
      return found;
    });

  test('gives true counts, and reads no table from end to end', async () => {
    const before = await tablesRead();
    await withStore(async ({ db }) => {
      const lanes = await measureLanes(db, ['assess', 'read', 'capture']);
      expect(lanes).toEqual([
        { lane: 'assess', pending: 0, failed: 0, oldestDueSeconds: 0 },
        { lane: 'read', pending: 7, failed: 0, oldestDueSeconds: expect.closeTo(3600, -2) },
        { lane: 'capture', pending: 1, failed: 1, oldestDueSeconds: 0 },
      ]);
      expect(await measureBatches(db)).toEqual({
        receiving: 1,
        oldestReceivingSeconds: expect.closeTo(10_800, -2),
        scoring: 0,
      });
      expect(await measureReviews(db)).toEqual({
        waiting: 3,
        claimed: 0,
        oldestSeconds: expect.closeTo(7200, -2),
      });
    });
    expect(await tablesRead()).toEqual(before);
  });
});
