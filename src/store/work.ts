import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Db } from './db.ts';
import { insertRecords } from './records.ts';

/** Work that is taken: what a handler needs to do it. */
export type Work = {
  id: string;
  payload: unknown;
  /** This one included; */
  attempts: number;
  /** and of these, how many ended with neither success nor failure. */
  abandoned: number;
  turn: number;
  /** Since it was written down. */
  ageSeconds: number;
};

/** The turn of what a batch's work leaves behind, such as its pictures: after everything that somebody waits for. */
export const laterTurn = 1;

/**
 * Work to be written down. `turn` says when it is taken: of waiting work of a lane the lowest is first. 0, unless said
 * otherwise, is for what somebody waits for; the work of batches has higher ones.
 */
export type NewWork = { lane: string; key: string; payload: object; batchId?: string; turn?: number };

/** The database's clock alone counts, so that processes need not agree on the time. */
const inMs = (ms: number) => sql<Date>`now() + make_interval(secs => ${ms / 1000})`;

/**
 * Writes down background work. The same lane and key is the same work, however often it is asked for.
 *
 * @returns the work's id, or null when it stood there already
 */
export async function addWork(db: Db, work: NewWork): Promise<string | null> {
  const [added] = await addWorks(db, [work]);
  return added ?? null;
}

/**
 * Writes down many pieces of work at once, as addWork does one.
 *
 * @returns ids of those that did not stand there already
 */
export async function addWorks(db: Db, works: readonly NewWork[]): Promise<string[]> {
  const added = await insertRecords(
    db,
    'work',
    works.map(({ lane, key, payload, batchId = null, turn = 0 }) => ({
      id: uuid(),
      lane,
      key,
      batch_id: batchId,
      payload,
      turn,
      state: 'pending' as const,
    })),
    sql<{ id: string }>`on conflict (lane, key) do nothing returning id`,
  );
  return added.map(({ id }) => id);
}

/** No lease is given for longer, milliseconds. */
const longestLeaseMs = 10 * 60_000;

/**
 * Takes the work of a lane whose turn it is, for `leaseMs` milliseconds, and counts the attempt. A lease that has run out
 * tells that whoever held it ended, or stood still for that long.
 *
 * @returns null when none is pending, due and held by nobody
 */
export async function takeWork(db: Db, lane: string, leaseMs: number): Promise<Work | null> {
  const row = await db
    .updateTable('work')
    .set((eb) => ({
      leased_until: inMs(leaseMs),
      attempts: eb('attempts', '+', 1),
      abandoned: sql<number>`abandoned + (leased_until is not null)::int`,
    }))
    .where('id', '=', (eb) =>
      eb
        .selectFrom(waiting(db, lane).select('id').limit(1).forUpdate().skipLocked().as('next'))
        .select('next.id'),
    )
    .returning(['id', 'payload', 'attempts', 'abandoned', 'turn'])
    .returning(sql<number>`extract(epoch from now() - created_at)::float8`.as('ageSeconds'))
    .executeTakeFirst();
  return row ?? null;
}

/**
 * Work of a lane that is pending, due and held by nobody, in the order of turns. A clock that was ahead for a while leaves
 * times behind that lie too far away to be meant.
 */
function waiting(db: Db, lane: string) {
  return db
    .selectFrom('work')
    .where('lane', '=', lane)
    .where('state', '=', 'pending')
    .where((eb) => eb.or([eb('due_at', '<=', sql<Date>`now()`), eb('created_at', '>', sql<Date>`now()`)]))
    .where((eb) =>
      eb.or([
        eb('leased_until', 'is', null),
        eb('leased_until', '<=', sql<Date>`now()`),
        eb('leased_until', '>', inMs(longestLeaseMs)),
      ]),
    )
    .orderBy('turn')
    .orderBy('due_at');
}

/** Work as its taker knows it: the attempt is the fencing token, which grows each time it is taken. */
export type Taken = Pick<Work, 'id' | 'attempts'>;

/** Prolongs a lease. False when the work is no longer pending, or another has taken it since. */
export async function renewWork(db: Db, { id, attempts }: Taken, leaseMs: number): Promise<boolean> {
  const result = await db
    .updateTable('work')
    .set({ leased_until: inMs(leaseMs) })
    .where('id', '=', id)
    .where('attempts', '=', attempts)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  return result.numUpdatedRows > 0;
}

/**
 * Marks work done, in the transaction that holds its effects, and drops the payload.
 *
 * @returns false when somebody else finished it first: then the caller must roll its effects back
 */
export async function finishWork(trx: Db, id: string): Promise<boolean> {
  const result = await trx
    .updateTable('work')
    .set({ state: 'done', leased_until: null, error: null, finished_at: sql<Date>`now()`, payload: '{}' })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  return result.numUpdatedRows > 0;
}

/**
 * Puts work back for `retryMs` milliseconds, or gives it up for good when that is null. The payload stays either way. Changes
 * nothing when another has taken the work since.
 */
export async function failWork(
  db: Db,
  { id, attempts }: Taken,
  error: string,
  retryMs: number | null,
): Promise<void> {
  await db
    .updateTable('work')
    .set({
      leased_until: null,
      error,
      // Work that seems to come from the future is due at once; from now on its own time counts again.
      created_at: sql<Date>`least(created_at, now())`,
      ...(retryMs === null
        ? { state: 'failed' as const, finished_at: sql<Date>`now()` }
        : { due_at: inMs(retryMs) }),
    })
    .where('id', '=', id)
    .where('attempts', '=', attempts)
    .where('state', '=', 'pending')
    .execute();
}

/**
 * Has every lease run out. Only for the one process that owns an embedded database, as it starts: whoever held one is dead.
 */
export async function endLeases(db: Db): Promise<void> {
  await db
    .updateTable('work')
    .set({ leased_until: sql<Date>`now()` })
    .where('state', '=', 'pending')
    .where('leased_until', 'is not', null)
    .execute();
}

/**
 * Work that waits to be taken, at most `limit` of a lane, those first whose turn it is: what the reconciler rings for. Asked
 * lane by lane, since a hundred thousand pictures that wait for slow servers must not hide one text.
 */
export async function overdueWork(db: Db, lane: string, limit: number): Promise<string[]> {
  const rows = await waiting(db, lane).select('id').limit(limit).execute();
  return rows.map(({ id }) => id);
}

/** How much work of a lane waits or is in hand, counted up to `most`. */
export async function countWaiting(db: Db, lane: string, most: number): Promise<number> {
  const some = db
    .selectFrom('work')
    .where('lane', '=', lane)
    .where('state', '=', 'pending')
    .select('turn')
    .limit(most);
  const { count } = await db
    .selectFrom(some.as('some'))
    .select(sql<number>`count(*)::int`.as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** Days that work is remembered after it is done; the work of a batch is remembered with the batch. */
const rememberedDays = 7;

/** Forgets work that was done long ago. Asked for once more, it would be done once more, which harms nothing. */
export async function dropOldWork(db: Db): Promise<void> {
  await db
    .deleteFrom('work')
    .where('state', '=', 'done')
    .where('batch_id', 'is', null)
    .where('finished_at', '<', sql<Date>`now() - make_interval(days => ${rememberedDays})`)
    .execute();
}
