import { expect, test } from 'vitest';
import { endNight, letTimePass } from './end-of-night.ts';
import { byMode, createChance, long, pause } from './mode.ts';
import { makeNight } from './night.ts';
import { progress } from './progress.ts';
import { type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
const timeoutMs = byMode(90_000, 600_000);

/** Starts what was killed; in the short mode no lease of the dead is waited for. */
async function startAgain(site: Site, parts: readonly { start(): Promise<void> }[]): Promise<void> {
  if (!long) await letTimePass(site);
  await Promise.all(parts.map((part) => part.start()));
}

test(
  'a worker killed in the middle of a batch',
  async () => {
    const chance = createChance('kill of a worker');
    const site = await startSite({ workers: 1 });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key });
    for (const share of [0.1, 0.5]) {
      await progress(site, 'night', 'scored', (share + 0.3 * chance.random()) * rows);
      await pause(chance.between(0, 50));
      await site.workers[0]?.kill();
      await startAgain(site, site.workers);
    }
    const { batchId } = await uploading;
    await endNight('kill of a worker', site, [{ night, batchId }]);
  },
  timeoutMs,
);

test(
  'the service killed in the middle of an upload, which goes on with the same key',
  async () => {
    const chance = createChance('kill of the service');
    const site = await startSite({ workers: 1 });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 20 });
    for (const share of [0.1, 0.5]) {
      await progress(site, 'night', 'stored', (share + 0.3 * chance.random()) * rows);
      await pause(chance.between(0, 50));
      await site.api.kill();
      await site.api.start();
    }
    const { batchId, tries } = await uploading;
    expect(tries).toBeGreaterThan(2);
    await endNight('kill of the service', site, [{ night, batchId }]);
  },
  timeoutMs,
);

test(
  'service and workers killed at once',
  async () => {
    const chance = createChance('kill of both');
    const site = await startSite({ workers: 2 });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 20 });
    await progress(site, 'night', 'scored', (0.1 + 0.5 * chance.random()) * rows);
    await pause(chance.between(0, 50));
    const parts = [site.api, ...site.workers];
    await Promise.all(parts.map((part) => part.kill()));
    await startAgain(site, parts);
    const { batchId } = await uploading;
    await endNight('kill of both', site, [{ night, batchId }]);
  },
  timeoutMs,
);
