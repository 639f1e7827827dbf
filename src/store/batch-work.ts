import { sql } from 'kysely';
import { tellIfEnded } from './batch-ends.ts';
import { type Db, inTransaction } from './db.ts';
import { failWork, type Taken } from './work.ts';

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
export async function giveUpWork(db: Db, taken: Taken, error: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    await failWork(trx, taken, error, null);
    const work = await trx
      .selectFrom('work')
      .where('id', '=', taken.id)
      .select('batch_id')
      .executeTakeFirst();
    if (work?.batch_id != null) await tellIfEnded(trx, work.batch_id);
  });
}
