import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';
import { startPostgres } from '../servers/postgres.ts';
import { mountSmallDisk, NoSmallDiskError, type SmallDisk } from '../servers/small-disk.ts';
import { endNight } from './end-of-night.ts';
import { byMode, createChance, pause, until } from './mode.ts';
import { makeNight } from './night.ts';
import { progress } from './progress.ts';
import { openFolder, type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
const diskMib = byMode(120, 400);
const fullMs = byMode(500, 10_000);
/** PostgreSQL's own write-ahead log in small segments, so that a small disk holds several. */
const smallSegments = '--wal-segsize=1';

/** What lies on the small disk: data and log, or the data alone, which PostgreSQL survives by itself. */
const layouts: [string, (site: string, disk: SmallDisk) => Parameters<typeof startPostgres>][] = [
  ['data', (site, disk) => [disk.folder, { layout: [smallSegments, `--waldir=${join(site, 'log')}`] }]],
  [
    'write-ahead log',
    (site, disk) => [site, { layout: [smallSegments, `--waldir=${join(disk.folder, 'log')}`] }],
  ],
];

/** Starts PostgreSQL again as its operator would: where the full disk ended it. */
async function startIfEnded({ postgres, store }: Site): Promise<void> {
  await until('PostgreSQL answers', async () => {
    if (!postgres.running()) await postgres.start();
    await store.check();
    return true;
  });
}

test.for(layouts)(
  "the disk of PostgreSQL's %s is full for a moment",
  { timeout: byMode(90_000, 600_000) },
  async ([name, layout], { skip }) => {
    const chance = createChance(`full disk of the ${name}`);
    const folder = openFolder();
    const disk = await mountSmallDisk(join(folder, 'disk'), diskMib).catch((error: unknown) => {
      if (error instanceof NoSmallDiskError) return error;
      throw error;
    });
    if (disk instanceof NoSmallDiskError) return skip(disk.message);
    onTestFinished(() => disk.unmount());
    const site = await startSite({
      workers: 1,
      folder,
      openPostgres: () => startPostgres(...layout(folder, disk)),
    });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 20 });
    await progress(site, 'night', 'scored', (0.1 + 0.3 * chance.random()) * rows);
    disk.fill();
    await until('PostgreSQL has no room', async () => /No space left on device/.test(site.postgres.output()));
    await pause(fullMs);
    disk.free();
    await startIfEnded(site);
    const { batchId } = await uploading;
    await endNight(`full disk of the ${name}`, site, [{ night, batchId }]);
  },
);
