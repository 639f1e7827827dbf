import { appendFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { sql } from 'kysely';
import { expect, inject } from 'vitest';
import { createBullmqQueue } from '../../src/queue/bullmq-queue.ts';
import type { Db } from '../../src/store/db.ts';
import { expectNothingLost, type TakenNight, type Tally } from './expect-nothing-lost.ts';
import { long, until } from './mode.ts';
import type { Site } from './site.ts';

/** How long nothing may change until the short mode takes away what only time would. */
const stillMs = 2_000;

/**
 * Lets the time pass that leases of dead processes, their locks in Redis and waits before a retry take: all bells are
 * lost and all waiting work is due and free. The long mode really waits.
 */
export async function letTimePass({ store, redis }: Site): Promise<void> {
  await endLeases(store.db);
  const client = new Redis(redis.url, { maxRetriesPerRequest: 1 });
  client.on('error', () => undefined);
  await client.flushall().finally(() => client.disconnect());
}

/**
 * Waits until no work is pending.
 *
 * @param options.skip whether the short mode may skip the time for which nothing happens
 */
export async function workedOff(site: Site, { skip = true }: { skip?: boolean } = {}): Promise<void> {
  let seen = '';
  let since = Date.now();
  await until('no work is pending', async () => {
    const { rows } = await sql<{ state: string; count: number; attempts: number }>`
      select state, count(*)::int as count, sum(attempts)::int as attempts from work group by state order by state`.execute(
      site.store.db,
    );
    if (!rows.some(({ state }) => state === 'pending')) return true;
    const now = JSON.stringify(rows);
    if (now !== seen) since = Date.now();
    seen = now;
    if (skip && !long && Date.now() - since > stillMs) {
      await letTimePass(site);
      since = Date.now();
    }
    return false;
  });
}

/** Has all waits and leases of pending work run out, but for what is being stored at this moment. */
export async function endLeases(db: Db): Promise<void> {
  await sql`update work set due_at = least(due_at, now()),
    leased_until = case when leased_until is null then null else now() end
    where id in (select id from work where state = 'pending' for update skip locked)`.execute(db);
}

/** Waits for the end, holds everything against what was uploaded, ends the site in order and says the totals. */
export async function endNight(
  name: string,
  site: Site,
  nights: readonly TakenNight[],
  options: { givenUp?: number; skip?: boolean } = {},
): Promise<void> {
  await workedOff(site, options);
  const tally = await expectNothingLost(site.store.db, nights, options);
  for (const taken of nights) await expectResultsWhole(site, taken, options.givenUp ?? 0);
  await expectDrained(site);
  for (const part of [site.api, ...site.workers]) expect(part.running()).toBe(true);
  for (const part of [site.api, ...site.workers]) expect(await part.stop()).toBe(0);
  tellTally(name, { kills: site.kills(), ...tally });
}

/** Every row stands once in the results as their reader gets them. */
async function expectResultsWhole(
  site: Site,
  { night, batchId }: TakenNight,
  givenUp: number,
): Promise<void> {
  const answer = await fetch(`${site.api.address()}/v1/batches/${batchId}/results?format=csv`, {
    headers: { authorization: `Bearer ${site.key}` },
  });
  const lines = (await answer.text()).trim().split('\n');
  expect(lines.length - 1).toBeGreaterThanOrEqual(night.posts.length - givenUp);
  expect(lines.length - 1).toBeLessThanOrEqual(night.posts.length);
}

/** No bell is left in Redis. */
async function expectDrained({ redis }: Site): Promise<void> {
  const queue = await createBullmqQueue({ redisUrl: redis.url, onError: () => undefined });
  try {
    await until('Redis is drained', async () => {
      const depths = Object.values(await queue.depth());
      return depths.every((depth) => depth === 0);
    });
  } finally {
    await queue.close();
  }
}

/** Says the totals of one test, and keeps them for those of the whole run. */
function tellTally(name: string, { kills, listings, lost, double }: Tally & { kills: number }): void {
  process.stderr.write(`${name}: kills ${kills}, listings ${listings}, lost ${lost}, double ${double}\n`);
  appendFileSync(inject('faultTallies'), `${JSON.stringify({ kills, listings, lost, double })}\n`);
}
