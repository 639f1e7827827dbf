import { sql } from 'kysely';
import { type Db, inTransaction } from './db.ts';

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
