import { test } from 'vitest';
import { endNight, workedOff } from './end-of-night.ts';
import { expectNothingLost, type TakenNight } from './expect-nothing-lost.ts';
import { byMode, createChance, pause } from './mode.ts';
import { makeNight } from './night.ts';
import { progress } from './progress.ts';
import { type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
/** Longer than a command may take; in the long mode longer than BullMQ's locks, too. */
const pauseMs = byMode(2_500, 40_000);

const faults: [string, (site: Site) => Promise<void>][] = [
  [
    'emptied',
    async ({ redis }) => {
      await redis.kill();
      await pause(500);
      await redis.start();
    },
  ],
  [
    'paused',
    async ({ redis }) => {
      redis.freeze();
      await pause(pauseMs);
      redis.thaw();
    },
  ],
];

test(
  'Redis killed and started again empty, and paused',
  async () => {
    const chance = createChance('Redis');
    const site = await startSite({ workers: 2 });
    const taken: TakenNight[] = [];
    for (const [name, fault] of faults) {
      const night = makeNight(name, rows, chance);
      const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 10 });
      await progress(site, name, 'stored', (0.1 + 0.6 * chance.random()) * rows);
      await fault(site);
      taken.push({ night, batchId: (await uploading).batchId });
      await workedOff(site);
      await expectNothingLost(site.store.db, taken);
    }
    await endNight('Redis', site, taken);
  },
  byMode(120_000, 900_000),
);
