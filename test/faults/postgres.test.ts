import { test } from 'vitest';
import { endNight, workedOff } from './end-of-night.ts';
import { expectNothingLost, type TakenNight } from './expect-nothing-lost.ts';
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
    'restarted',
    async ({ postgres }) => {
      await postgres.stop();
      await postgres.start();
    },
  ],
  [
    'killed',
    async ({ postgres }) => {
      await postgres.kill();
      await postgres.start();
    },
  ],
  ['robbed', (site) => cutConnections(site, 8)],
  [
    'paused',
    async ({ postgres }) => {
      postgres.freeze();
      await pause(pauseMs);
      postgres.thaw();
    },
  ],
];

test(
  'PostgreSQL restarted, killed, robbed of its connections and paused',
  async () => {
    const chance = createChance('PostgreSQL');
    const site = await startSite({ workers: 1 });
    const taken: TakenNight[] = [];
    for (const [name, fault] of faults) {
      const night = makeNight(name, rows, chance);
      const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 10 });
      await progress(site, name, 'scored', (0.1 + 0.6 * chance.random()) * rows);
      await fault(site);
      taken.push({ night, batchId: (await uploading).batchId });
      await workedOff(site);
      await expectNothingLost(site.store.db, taken);
    }
    await endNight('PostgreSQL', site, taken);
  },
  byMode(120_000, 900_000),
);
