import { test } from 'vitest';
import { endNight } from './end-of-night.ts';
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
    'killed and started again empty',
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

test.each(faults)(
  'Redis %s',
  async (name, fault) => {
    const chance = createChance(`Redis ${name}`);
    const site = await startSite({ workers: 2 });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 10 });
    for (const share of [0.1, 0.5]) {
      await progress(site, 'night', 'stored', (share + 0.3 * chance.random()) * rows);
      await fault(site);
    }
    const { batchId } = await uploading;
    await endNight(`Redis ${name}`, site, [{ night, batchId }]);
  },
  byMode(90_000, 600_000),
);
