import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createBullmqQueue } from '../../src/queue/bullmq-queue.ts';
import { createInProcessQueue } from '../../src/queue/in-process-queue.ts';
import type { JobQueue } from '../../src/queue/job-queue.ts';
import { byLane } from '../../src/queue/job-queue.ts';
import {
  createRunner,
  retryDelayMs,
  UnrecoverableError,
  type WorkDivider,
  type WorkHandler,
} from '../../src/queue/runner.ts';
import type { Db } from '../../src/store/db.ts';
import { addWork, failWork, finishWork, overdueWork, renewWork, takeWork } from '../../src/store/work.ts';
import { startRedis } from '../servers/redis.ts';
import { openTestDatabase } from '../store/each-engine.ts';

const log = pino({ level: 'silent' });

function startRunner(
  db: Db,
  queue: JobQueue,
  handler: WorkHandler,
  { maxAttempts = 3, divide }: { maxAttempts?: number; divide?: WorkDivider } = {},
) {
  return createRunner({
    queue,
    ledger: {
      take: async (lane, leaseMs) => {
        const work = await takeWork(db, lane, leaseMs);
        return work === null ? null : { ...work, lane };
      },
      renew: (work, leaseMs) => renewWork(db, work, leaseMs),
      // Retries are due at once here, so that the test need not wait for them.
      fail: (work, error, retryMs) => failWork(db, work, error, retryMs === null ? null : 0),
      overdue: async (limit) =>
        (await overdueWork(db, 'assess', limit)).map((workId) => ({ lane: 'assess', workId })),
    },
    handlers: byLane(() => handler),
    dividers: divide === undefined ? {} : { assess: divide },
    maxAttempts,
    concurrency: { concurrency: 4 },
    reconcileEveryMs: 50,
    log,
  });
}

async function addMany(db: Db, count: number): Promise<string[]> {
  const ids = await Promise.all(
    Array.from({ length: count }, (_, n) => addWork(db, { lane: 'assess', key: `k${n}`, payload: {} })),
  );
  return ids.filter((id) => id !== null);
}

async function states(db: Db): Promise<Record<string, number>> {
  const rows = await db.selectFrom('work').select('state').execute();
  return Object.fromEntries(
    [...Map.groupBy(rows, ({ state }) => state)].map(([state, group]) => [state, group.length]),
  );
}

test('work whose bell was never rung is found and done', async () => {
  const { store, remove } = await openTestDatabase();
  onTestFinished(remove);
  await addMany(store.db, 30);
  const queue = createInProcessQueue({ onError: () => undefined });
  const runner = startRunner(store.db, queue, async (work) => void (await finishWork(store.db, work.id)));
  await runner.start();
  await vi.waitFor(async () => expect(await states(store.db)).toEqual({ done: 30 }), 10_000);
  await runner.close();
  await queue.close();
});

test('poison work is given up after its attempts, at once when no retry can help, and harms no other', async () => {
  const { store, remove } = await openTestDatabase();
  onTestFinished(remove);
  const [poison, hopeless] = await addMany(store.db, 10);
  const queue = createInProcessQueue({ onError: () => undefined });
  const runner = startRunner(store.db, queue, async (work) => {
    if (work.id === poison) throw new Error('poison');
    if (work.id === hopeless) throw new UnrecoverableError('hopeless');
    await finishWork(store.db, work.id);
  });
  await runner.start();
  await vi.waitFor(async () => expect(await states(store.db)).toEqual({ done: 8, failed: 2 }), 10_000);
  const failed = await store.db
    .selectFrom('work')
    .select(['error', 'attempts'])
    .where('state', '=', 'failed')
    .orderBy('error')
    .execute();
  expect(failed).toEqual([
    { error: 'hopeless', attempts: 1 },
    { error: 'poison', attempts: 3 },
  ]);
  await runner.close();
  await queue.close();
});

test('work that every taker leaves undone is divided, and what cannot be divided is given up', async () => {
  const { store, remove } = await openTestDatabase();
  onTestFinished(remove);
  await addMany(store.db, 3);
  await store.db
    .updateTable('work')
    .set({ abandoned: 2, leased_until: new Date(0) })
    .where('key', 'in', ['k0', 'k1'])
    .execute();
  const queue = createInProcessQueue({ onError: () => undefined });
  const finish = async ({ id }: { id: string }) => void (await finishWork(store.db, id));
  const asked: string[] = [];
  const runner = startRunner(store.db, queue, finish, {
    divide: async (work) => {
      asked.push(work.id);
      if (asked.length > 1) return false;
      await finish(work);
      return true;
    },
  });
  await runner.start();
  await vi.waitFor(async () => expect(await states(store.db)).toEqual({ done: 2, failed: 1 }), 10_000);
  expect(asked).toHaveLength(2);
  const given = store.db.selectFrom('work').select('error').where('state', '=', 'failed');
  expect(await given.executeTakeFirst()).toEqual({
    error: '3 processes that took it ended before it was done',
  });
  await runner.close();
  await queue.close();
});

test('retries wait twice as long each time, up to five minutes', () => {
  expect([1, 2, 3, 20].map(retryDelayMs)).toEqual([1_000, 2_000, 4_000, 300_000]);
});

test('all work is done once although Redis is killed and comes back empty in the middle', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-redis-'));
  chmodSync(folder, 0o755);
  const redis = await startRedis(folder);
  const { store, remove } = await openTestDatabase();
  onTestFinished(async () => {
    await remove();
    await redis.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const effects = new Map<string, number>();
  let killed: Promise<void> | null = null;
  const handler: WorkHandler = async (work) => {
    if (effects.size >= 20) killed ??= redis.kill().then(() => redis.start());
    if (await finishWork(store.db, work.id)) effects.set(work.id, (effects.get(work.id) ?? 0) + 1);
  };
  const workers = await Promise.all(
    [1, 2].map(async () => {
      const queue = await createBullmqQueue({ redisUrl: redis.url, onError: () => undefined });
      return { queue, runner: startRunner(store.db, queue, handler) };
    }),
  );
  const ids = await addMany(store.db, 100);
  for (const { runner } of workers) await runner.start();
  await workers[0]?.queue.ring(ids.map((workId) => ({ lane: 'assess', workId }))).catch(() => undefined);
  await vi.waitFor(async () => expect(await states(store.db)).toEqual({ done: 100 }), {
    timeout: 45_000,
    interval: 100,
  });
  expect(killed).not.toBeNull();
  expect([...effects.values()].every((count) => count === 1)).toBe(true);
  expect(effects.size).toBe(100);
  for (const { runner, queue } of workers) {
    await runner.close();
    await queue.close({ graceMs: 1_000 });
  }
}, 60_000);
