import { test } from 'vitest';
import { createFalseClock, type FalseClock } from '../servers/false-clock.ts';
import { startPostgres } from '../servers/postgres.ts';
import { endNight } from './end-of-night.ts';
import type { TakenNight } from './expect-nothing-lost.ts';
import { byMode, type Chance, createChance, pause, until } from './mode.ts';
import { makeNight } from './night.ts';
import { openFolder, type Site, startSite } from './site.ts';
import { beforeStoring, storeAgain } from './triggers.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(1_500, 10_000);
const timeoutMs = byMode(120_000, 600_000);
const hour = 3_600;
/** Until every process has seen a jump. */
const seenMs = 1_500;

/** Has whatever is stored from now on fail, and waits until some work of a night has, so that it waits to be tried again. */
async function failSome({ store }: Site, name: string): Promise<void> {
  await beforeStoring(store.db, '', `raise exception 'not now'`);
  await until('work has failed', async () => {
    const failed = await store.db
      .selectFrom('work')
      .innerJoin('batch', 'batch.id', 'work.batch_id')
      .where('batch.name', '=', name)
      .where('error', 'is not', null)
      .select('work.id')
      .execute();
    return failed.length > 0;
  });
}

/** Tells another time and waits until it is believed. */
async function jumpThere(clock: FalseClock, seconds: number): Promise<void> {
  clock.jump(seconds);
  await pause(seenMs);
}

/** Uploads a night in each of two false times, has some of it fail meanwhile, and sets the clock right. */
async function nightsInFalseTime(site: Site, clock: FalseClock, chance: Chance): Promise<TakenNight[]> {
  const taken: TakenNight[] = [];
  for (const [name, seconds] of [
    ['ahead', hour],
    ['behind', -hour],
  ] as const) {
    await jumpThere(clock, seconds);
    const night = makeNight(name, rows, chance);
    const uploading = uploadNight(night, { ...site.api, key: site.key }, { paceMs: 20 });
    await failSome(site, name);
    await jumpThere(clock, 0);
    await storeAgain(site.store.db);
    taken.push({ night, batchId: (await uploading).batchId });
  }
  return taken;
}

// Nothing is skipped here: whatever waits must wait by a clock that can be trusted.
test(
  'the clock of service and worker jumps an hour ahead and back',
  async () => {
    const chance = createChance('clock of the processes');
    const folder = openFolder();
    const clock = createFalseClock(folder);
    const site = await startSite({ workers: 1, folder, env: clock.env });
    const nights = await nightsInFalseTime(site, clock, chance);
    await endNight('clock of the processes', site, nights, { skip: false });
  },
  timeoutMs,
);

test(
  "PostgreSQL's clock jumps an hour ahead and back",
  async () => {
    const chance = createChance('clock of PostgreSQL');
    const folder = openFolder();
    const clock = createFalseClock(folder);
    const openPostgres = (data: string) => startPostgres(data, { env: clock.env });
    const site = await startSite({ workers: 1, folder, openPostgres });
    const nights = await nightsInFalseTime(site, clock, chance);
    await endNight('clock of PostgreSQL', site, nights, { skip: false });
  },
  timeoutMs,
);
