import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { countWaiting } from '../../src/store/work.ts';
import { endNight, letTimePass } from './end-of-night.ts';
import { expectNothingLost } from './expect-nothing-lost.ts';
import { byMode, createChance, long, until } from './mode.ts';
import { makeNight } from './night.ts';
import { type Site, startSite } from './site.ts';
import { beforeStoring, storeAgain } from './triggers.ts';
import { uploadNight } from './upload.ts';

const rows = byMode(3_000, 20_000);
const timeoutMs = byMode(90_000, 900_000);
const lastAttempt = 7;
/** More than a chunk and then its one row may cost; whoever comes after that many stores it. */
const mostKills = 40;

/** Connections on which a deadly row is being stored. */
async function sleeping({ store }: Site): Promise<number> {
  const { rows: sleepers } = await sql`select from pg_stat_activity where wait_event = 'PgSleep'`.execute(
    store.db,
  );
  return sleepers.length;
}

/** Has work that failed be on its last try now; the long mode waits for all tries. */
async function skipTries(site: Site): Promise<void> {
  await until('no work waits to be tried again', async () => {
    const { rows: pending } = await sql<{ failed: boolean }>`
      select error is not null as failed from work where state = 'pending'`.execute(site.store.db);
    if (!long)
      await sql`update work set attempts = greatest(attempts, ${lastAttempt}), due_at = least(due_at, now())
        where state = 'pending' and error is not null and leased_until is null`.execute(site.store.db);
    return pending.length === 0;
  });
}

test(
  'a row that can never be stored is given up alone, and scored when its cause is gone',
  async () => {
    const chance = createChance('poison row');
    const site = await startSite({ workers: 2 });
    await beforeStoring(site.store.db, 'racun', `raise exception 'poison'`);
    const poison = chance.between(1, rows);
    const night = makeNight('night', rows, chance, {
      textOf: (row) => (row === poison ? 'bal segel import racun' : null),
    });
    const { batchId } = await uploadNight(night, { ...site.api, key: site.key });
    await skipTries(site);
    await expectNothingLost(site.store.db, [{ night, batchId }], { givenUp: 1 });
    await storeAgain(site.store.db);
    const again = await fetch(`${site.api.address()}/v1/batches/${batchId}/retry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${site.key}` },
    });
    expect(again.status).toBe(200);
    await endNight('poison row', site, [{ night, batchId }]);
  },
  timeoutMs,
);

test.runIf(long)(
  'a row that kills whoever stores it is given up in the end, and no other with it',
  async () => {
    const chance = createChance('deadly row');
    const site = await startSite({ workers: 1 });
    const [worker] = site.workers;
    if (worker === undefined) throw new Error('there is no worker');
    await beforeStoring(site.store.db, 'maut', 'perform pg_sleep(2)');
    const deadly = chance.between(1, 600);
    const night = makeNight('night', 600, chance, {
      textOf: (row) => (row === deadly ? 'bal segel import maut' : null),
    });
    const { batchId } = await uploadNight(night, { ...site.api, key: site.key });
    await until('no work is pending', async () => {
      if ((await sleeping(site)) > 0 && site.kills() < mostKills) {
        await worker.kill();
        await until('PostgreSQL has noticed', async () => (await sleeping(site)) === 0);
        await letTimePass(site);
        await worker.start();
      }
      return (await countWaiting(site.store.db, 'assess', 1)) === 0;
    });
    await endNight('deadly row', site, [{ night, batchId }], { givenUp: 1 });
  },
  timeoutMs,
);
