import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Db } from './db.ts';

/** Work that is taken: what a handler needs to do it. */
export type Work = {
  id: string;
  lane: string;
  payload: unknown;
  attempts: number;
  /** Since it was written down. */
  ageSeconds: number;
};

const inMs = (ms: number) => sql<Date>`now() + make_interval(secs => ${ms / 1000})`;

/**
 * Writes down background work. The same lane and key is the same work, however often it is asked for.
 *
 * @returns the work's id, or null when it stood there already
 */
export async function addWork(
  db: Db,
  work: { lane: string; key: string; payload: object; batchId?: string },
): Promise<string | null> {
  const row = await db
    .insertInto('work')
    .values({
      id: uuid(),
      lane: work.lane,
      key: work.key,
      batch_id: work.batchId ?? null,
      payload: JSON.stringify(work.payload),
      state: 'pending',
      error: null,
    })
    .onConflict((conflict) => conflict.columns(['lane', 'key']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return row?.id ?? null;
}

/** Writes down many pieces of work at once, as addWork does one. */
export async function addWorks(
  db: Db,
  works: readonly { lane: string; key: string; payload: object }[],
): Promise<void> {
  if (works.length === 0) return;
  await db
    .insertInto('work')
    .values(
      works.map(({ lane, key, payload }) => ({
        id: uuid(),
        lane,
        key,
        batch_id: null,
        payload: JSON.stringify(payload),
        state: 'pending' as const,
        error: null,
      })),
    )
    .onConflict((conflict) => conflict.columns(['lane', 'key']).doNothing())
    .execute();
}

/**
 * Takes work for `leaseMs` milliseconds and counts the attempt.
 *
 * @returns null when it is done, failed, not yet due, or held by another process
 */
export async function takeWork(db: Db, id: string, leaseMs: number): Promise<Work | null> {
  const row = await db
    .updateTable('work')
    .set((eb) => ({ leased_until: inMs(leaseMs), attempts: eb('attempts', '+', 1) }))
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('due_at', '<=', sql<Date>`now()`)
    .where((eb) => eb.or([eb('leased_until', 'is', null), eb('leased_until', '<=', sql<Date>`now()`)]))
    .returning([
      'id',
      'lane',
      'payload',
      'attempts',
      sql<number>`extract(epoch from now() - created_at)::float8`.as('ageSeconds'),
    ])
    .executeTakeFirst();
  return row ?? null;
}

/** Prolongs a lease. False when the work is no longer pending. */
export async function renewWork(db: Db, id: string, leaseMs: number): Promise<boolean> {
  const result = await db
    .updateTable('work')
    .set({ leased_until: inMs(leaseMs) })
    .where('id', '=', id)
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

/** Puts work back until `retryAt`, or gives it up for good when that is null. The payload stays either way. */
export async function failWork(db: Db, id: string, error: string, retryAt: Date | null): Promise<void> {
  await db
    .updateTable('work')
    .set({
      leased_until: null,
      error,
      ...(retryAt === null
        ? { state: 'failed' as const, finished_at: sql<Date>`now()` }
        : { due_at: retryAt }),
    })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .execute();
}

/**
 * Ends every lease. Only for the one process that owns an embedded database, as it starts: whoever held one is dead.
 */
export async function endLeases(db: Db): Promise<void> {
  await db
    .updateTable('work')
    .set({ leased_until: null })
    .where('state', '=', 'pending')
    .where('leased_until', 'is not', null)
    .execute();
}

/**
 * Work of a lane that is pending, due and held by nobody, oldest first: what the reconciler rings for. Asked lane by lane,
 * since a hundred thousand pictures that wait for slow servers must not hide one text.
 */
export async function overdueWork(
  db: Db,
  lane: string,
  limit: number,
): Promise<{ id: string; lane: string }[]> {
  return await db
    .selectFrom('work')
    .where('lane', '=', lane)
    .where('state', '=', 'pending')
    .where('due_at', '<=', sql<Date>`now()`)
    .where((eb) => eb.or([eb('leased_until', 'is', null), eb('leased_until', '<=', sql<Date>`now()`)]))
    .orderBy('due_at')
    .limit(limit)
    .select(['id', 'lane'])
    .execute();
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
