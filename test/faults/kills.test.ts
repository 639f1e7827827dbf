import { expect, test } from 'vitest';
import { endNight } from './end-of-night.ts';
import { byMode, createChance, pause, until } from './mode.ts';
import { makeNight } from './night.ts';
import { type Site, startSite } from './site.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
const timeoutMs = byMode(90_000, 600_000);

/** Waits until a share of the rows is scored, or stored where the upload is what is to be hit. */
async function progress(
  { store }: Site,
  name: string,
  column: 'rows_read' | 'rows_scored',
  rows: number,
): Promise<void> {
  await until(
    `${rows} ${column} of ${name}`,
    async () => {
      const batch = await store.db
        .selectFrom('batch')
        .where('name', '=', name)
        .select(column)
        .executeTakeFirst();
      return (batch?.[column] ?? 0) >= rows;
    },
    { everyMs: 5 },
  );
}

test(
  'a worker killed in the middle of a batch',
  async () => {
    const chance = createChance('kill of a worker');
    const site = await startSite({ workers: 1 });
    const night = makeNight('night', rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key });
    for (const share of [0.1, 0.5]) {
      await progress(site, 'night', 'rows_scored', (share + 0.2 * chance.random()) * rows);
      await pause(chance.between(0, 50));
      await site.workers[0]?.kill();
      await site.workers[0]?.start();
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
      await progress(site, 'night', 'rows_read', (share + 0.2 * chance.random()) * rows);
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
