import { expect, test } from 'vitest';
import { endNight, letTimePass, workedOff } from './end-of-night.ts';
import { expectNothingLost, type TakenNight } from './expect-nothing-lost.ts';
import { byMode, createChance, long, pause } from './mode.ts';
import { makeNight } from './night.ts';
import { progress } from './progress.ts';
import { type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);

/** Starts what was killed; in the short mode no lease of the dead is waited for. */
async function startAgain(site: Site, parts: readonly { start(): Promise<void> }[]): Promise<void> {
  if (!long) await letTimePass(site);
  await Promise.all(parts.map((part) => part.start()));
}

test(
  'a worker, the service in the middle of an upload, and all of them killed',
  async () => {
    const chance = createChance('kills');
    const site = await startSite({ workers: 2 });
    const taken: TakenNight[] = [];
    for (const [name, parts, shares] of [
      ['worker', site.workers.slice(0, 1), [0.1, 0.5]],
      ['service', [site.api], [0.1, 0.5]],
      ['both', [site.api, ...site.workers], [0.3]],
    ] as const) {
      const night = makeNight(name, rows, chance);
      const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 20 });
      for (const share of shares) {
        const hit = name === 'service' ? 'stored' : 'scored';
        await progress(site, name, hit, (share + 0.3 * chance.random()) * rows);
        await pause(chance.between(0, 50));
        await Promise.all(parts.map((part) => part.kill()));
        await startAgain(site, parts);
      }
      const { batchId, tries } = await uploading;
      if (name === 'service') expect(tries).toBeGreaterThan(1);
      taken.push({ night, batchId });
      await workedOff(site);
      await expectNothingLost(site.store.db, taken);
    }
    await endNight('kills', site, taken);
  },
  byMode(120_000, 900_000),
);
