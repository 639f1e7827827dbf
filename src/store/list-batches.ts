import { type Batch, isDone } from './batches.ts';
import type { Db } from './db.ts';
import { countGivenUp } from './given-up-rows.ts';

/** A batch in a list: what it is and how far, without rates and bad rows. */
export type BatchSummary = Omit<Batch, 'rowsPerSecond' | 'secondsLeft' | 'problems'>;

/**
 * Batches, the newest first.
 *
 * @param page.state of the upload; absent for all
 * @param page.before id of the last batch of the page before
 */
export async function listBatches(
  db: Db,
  page: { state?: Batch['state'] | undefined; before?: string | undefined; limit: number },
): Promise<BatchSummary[]> {
  let query = db.selectFrom('batch');
  if (page.state !== undefined) query = query.where('state', '=', page.state);
  // Ids are UUIDs of version 7, which sort by time.
  if (page.before !== undefined) query = query.where('id', '<', page.before);
  const batches = await query.orderBy('id', 'desc').limit(page.limit).selectAll().execute();
  const givenUp = await countGivenUp(
    db,
    batches.map(({ id }) => id),
  );
  return batches.map((batch) => {
    const rows = {
      read: batch.rows_read,
      bad: batch.rows_bad,
      scored: batch.rows_scored,
      flagged: batch.rows_flagged,
      failed: givenUp.get(batch.id) ?? 0,
    };
    return {
      id: batch.id,
      name: batch.name,
      state: batch.state,
      done: isDone(batch.state, rows),
      rows,
      createdAt: batch.created_at,
      receivedAt: batch.received_at,
    };
  });
}
