import { sql } from 'kysely';
import { tellIfEnded } from './batch-ends.ts';
import { type Db, inTransaction } from './db.ts';
import { failWork } from './work.ts';

/**
 * Ends a batch: rows that wait are never scored, and no more are taken. What is scored stays. A chunk in hand is either
 * scored whole or not at all. Again, it changes nothing.
 */
export async function cancelBatch(db: Db, batchId: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    // The order in which a chunk takes its locks, so that neither waits for the other.
    await cancelPending(trx, batchId);
    await trx.updateTable('batch').set({ state: 'cancelled' }).where('id', '=', batchId).execute();
    // What an upload wrote down in the meantime; none can now.
    await cancelPending(trx, batchId);
    await tellIfEnded(trx, batchId);
  });
}

async function cancelPending(trx: Db, batchId: string): Promise<void> {
  await trx
    .updateTable('work')
    .set({ state: 'cancelled', leased_until: null, finished_at: sql<Date>`now()`, payload: '{}' })
    .where('batch_id', '=', batchId)
    .where('state', '=', 'pending')
    .execute();
}

/** Gives work up for good; the end of its batch, where that was the last of it, is told in the same transaction. */
export async function giveUpWork(db: Db, id: string, error: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    await failWork(trx, id, error, null);
    const work = await trx.selectFrom('work').where('id', '=', id).select('batch_id').executeTakeFirst();
    if (work?.batch_id != null) await tellIfEnded(trx, work.batch_id);
  });
}

/**
 * Takes up the chunks of a batch again that were given up, each with all its tries. When they are done, the batch has come
 * to a new end.
 *
 * @returns ids of their work
 */
export async function retryBatch(db: Db, batchId: string): Promise<string[]> {
  return await inTransaction(db, async (trx) => {
    const rows = await trx
      .updateTable('work')
      .set({ state: 'pending', attempts: 0, due_at: sql<Date>`now()`, error: null, finished_at: null })
      .where('batch_id', '=', batchId)
      .where('state', '=', 'failed')
      .returning('id')
      .execute();
    if (rows.length > 0)
      await trx.updateTable('batch').set({ told: false }).where('id', '=', batchId).execute();
    return rows.map(({ id }) => id);
  });
}
