import { expect, test } from 'vitest';
import { createBullmqQueue } from '../../src/queue/bullmq-queue.ts';
import { overdueWork } from '../../src/store/work.ts';
import { endLeases, endNight, letTimePass, workedOff } from './end-of-night.ts';
import { byMode, createChance, long, pause, until } from './mode.ts';
import { makeNight } from './night.ts';
import { progress } from './progress.ts';
import { type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
const timeoutMs = byMode(90_000, 600_000);
/** Longer than a lease, its lock in Redis, and a transaction that stands still. */
const sleepMs = byMode(2_000, 100_000);

/** Rings the workers for all that waits, as if every lease had just run out. */
async function ringForAll(site: Site): Promise<void> {
  await endLeases(site.store.db);
  const overdue = await overdueWork(site.store.db, 'assess', 1_000);
  const queue = await createBullmqQueue({ redisUrl: site.redis.url, onError: () => undefined });
  await queue.ring(overdue.map((workId) => ({ lane: 'assess', workId })));
  await queue.close();
}

test(
  'two workers and a service that all reconcile and take the same work at the same time',
  async () => {
    const chance = createChance('three reconcilers');
    // The service has bells of its own, so whatever the workers are rung for it has in hand, too.
    const site = await startSite({ workers: 2, apiWorks: true });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key });
    for (const share of [0.05, 0.3, 0.6]) {
      await progress(site, 'night', 'scored', (share + 0.2 * chance.random()) * rows);
      await ringForAll(site);
    }
    const { batchId } = await uploading;
    await endNight('three reconcilers', site, [{ night, batchId }]);
  },
  timeoutMs,
);

test(
  'a worker that stands still for longer than its lease doubles nothing when it wakes up',
  async () => {
    const chance = createChance('slow worker');
    const site = await startSite({ workers: 2 });
    const [slow, other] = site.workers;
    if (slow === undefined || other === undefined) throw new Error('two workers are needed');
    // Only the slow one is there at first, so that it certainly has a chunk in hand when it falls asleep.
    other.freeze();
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 10 });
    await progress(site, 'night', 'scored', (0.1 + 0.4 * chance.random()) * rows);
    await until('the slow worker sleeps with a chunk in hand', async () => {
      slow.freeze();
      const held = await site.store.db
        .selectFrom('work')
        .where('state', '=', 'pending')
        .where('leased_until', 'is not', null)
        .select('id')
        .execute();
      if (held.length === 0) slow.thaw();
      return held.length > 0;
    });
    if (!long) await letTimePass(site);
    other.thaw();
    await pause(sleepMs);
    // A short sleep may still hold locks of its transaction; after a long one everything is done without it.
    if (long) await workedOff(site);
    slow.thaw();
    const { batchId } = await uploading;
    await endNight('slow worker', site, [{ night, batchId }]);
    expect(slow.output()).not.toContain('"level":60');
  },
  timeoutMs,
);
