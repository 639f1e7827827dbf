import { sql } from 'kysely';
import { type Db, inTransaction } from './db.ts';

/** Work that was given up. Its payload is kept, so that it can be taken up again. */
export type DeadLetter = {
  workId: string;
  lane: string;
  batchId: string | null;
  /** Rows of its batch, by their numbers; empty for work that is not a batch's. */
  rows: number[];
  attempts: number;
  /** Why it failed the last time. */
  error: string;
  addedAt: Date;
  failedAt: Date;
};

const errorShown = 500;

/**
 * Work that was given up, the newest first.
 *
 * @param after the last one already given
 */
export async function listDeadLetters(
  db: Db,
  filter: { lane?: string | undefined },
  limit: number,
  after: string | null,
): Promise<DeadLetter[]> {
  let query = db.selectFrom('work').where('state', '=', 'failed');
  if (filter.lane !== undefined) query = query.where('lane', '=', filter.lane);
  if (after !== null) query = query.where('id', '<', after);
  return await query
    .orderBy('id', 'desc')
    .limit(limit)
    .select(['id as workId', 'lane', 'batch_id as batchId', 'attempts', 'created_at as addedAt'])
    .select([
      sql<number[]>`coalesce(jsonb_path_query_array(payload::jsonb, '$.rows[*].row'), '[]')`.as('rows'),
      sql<string>`left(coalesce(error, ''), ${errorShown})`.as('error'),
      sql<Date>`coalesce(finished_at, created_at)`.as('failedAt'),
    ])
    .execute();
}

/** Which dead letters to take up again: of these ids, of a lane, or of a batch; without any of them, all. */
export type DeadLetterChoice = {
  workIds?: readonly string[] | undefined;
  lane?: string | undefined;
  batchId?: string | undefined;
};

/**
 * Takes work up again that was given up, with all its tries. What is pending or done stays as it is, and so does the work of
 * a batch that was cancelled.
 *
 * @returns the work that waits again
 */
export async function retryDeadLetters(
  db: Db,
  { workIds, lane, batchId }: DeadLetterChoice,
): Promise<{ workId: string; lane: string }[]> {
  return await inTransaction(db, async (trx) => {
    let query = trx
      .updateTable('work')
      .set({
        state: 'pending',
        attempts: 0,
        abandoned: 0,
        due_at: sql<Date>`now()`,
        error: null,
        finished_at: null,
      })
      .where('state', '=', 'failed')
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('batch')
              .whereRef('batch.id', '=', 'work.batch_id')
              .where('batch.state', '=', 'cancelled')
              .select('batch.id'),
          ),
        ),
      );
    if (workIds !== undefined) query = query.where('id', 'in', workIds);
    if (lane !== undefined) query = query.where('lane', '=', lane);
    if (batchId !== undefined) query = query.where('batch_id', '=', batchId);
    const again = await query.returning(['id as workId', 'lane', 'key', 'batch_id']).execute();
    // Their batches come to a new end, which is told anew.
    const batches = again.flatMap(({ batch_id }) => batch_id ?? []);
    if (batches.length > 0)
      await trx.updateTable('batch').set({ told: false }).where('id', 'in', batches).execute();
    // A listing whose picture was given up says that it has none; now it waits for it once more.
    const pictures = again.flatMap(({ lane, key }) => (lane === 'capture' ? [key] : []));
    if (pictures.length > 0)
      await trx
        .updateTable('picture')
        .set({ state: 'waiting', problem: null, problem_detail: null })
        .where('id', 'in', pictures)
        .where('state', '=', 'failed')
        .execute();
    return again.map(({ workId, lane }) => ({ workId, lane }));
  });
}
