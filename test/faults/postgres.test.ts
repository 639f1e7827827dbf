import { test } from 'vitest';
import { endNight } from './end-of-night.ts';
import { byMode, createChance, pause } from './mode.ts';
import { makeNight } from './night.ts';
import { cutConnections } from './postgres-faults.ts';
import { progress } from './progress.ts';
import { type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
/** In the long mode longer than a lease. */
const pauseMs = byMode(3_000, 35_000);

const faults: [string, (site: Site) => Promise<void>][] = [
  [
    'restarted in order',
    async ({ postgres }) => {
      await postgres.stop();
      await postgres.start();
    },
  ],
  [
    'killed and recovered',
    async ({ postgres }) => {
      await postgres.kill();
      await postgres.start();
    },
  ],
  ['robbed of its connections again and again', (site) => cutConnections(site, 8)],
  [
    'paused',
    async ({ postgres }) => {
      postgres.freeze();
      await pause(pauseMs);
      postgres.thaw();
    },
  ],
];

test.each(faults)(
  'PostgreSQL %s',
  async (name, fault) => {
    const chance = createChance(`PostgreSQL ${name}`);
    const site = await startSite({ workers: 1 });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 10 });
    await progress(site, 'night', 'scored', (0.1 + 0.6 * chance.random()) * rows);
    await fault(site);
    const { batchId } = await uploading;
    await endNight(`PostgreSQL ${name}`, site, [{ night, batchId }]);
  },
  byMode(90_000, 600_000),
);
