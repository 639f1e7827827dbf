import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import { AppError } from '../domain/app-error.ts';
import { tellIfEnded } from './batch-ends.ts';
import { type Db, inTransaction } from './db.ts';
import { countGivenUp, findGivenUpChunks, givenUpAfter } from './given-up-rows.ts';
import { insertRecords } from './records.ts';

/** A row of a batch that could not become a listing. `row` counts from 1; a line may hold many rows. */
export type BatchProblem = { row: number; line: number; id: string | null; problem: string };

/** Below every number a row can have; rows from before migration 0002 have theirs below zero. */
export const beforeFirstRow = -(2 ** 31);

/** A row of a batch and what it became. */
export type BatchItem = {
  row: number;
  line: number;
  id: string | null;
  listingId: string;
  assessmentId: string;
};

/** A batch with its counts; `state` tells of the upload, `done` of the scoring. */
export type Batch = {
  id: string;
  name: string;
  state: 'receiving' | 'received' | 'cut' | 'cancelled';
  done: boolean;
  rows: { read: number; bad: number; scored: number; flagged: number; failed: number };
  /** Rows scored per second in the last minute. */
  rowsPerSecond: number;
  /** Until the batch is done, at that rate; null where nobody can know. */
  secondsLeft: number | null;
  createdAt: Date;
  receivedAt: Date | null;
  problems: Omit<BatchProblem, 'row'>[];
};

const problemsShown = 100;
/** The time over which the rate of scoring is taken, seconds. */
const rateSeconds = 60;
/** States that no upload changes any more. */
const ended = ['received', 'cancelled'] as const;

/** @throws AppError BATCH_CANCELLED where somebody cancelled the batch */
export function refuseCancelled(state: Batch['state']): void {
  if (state === 'cancelled')
    throw new AppError(
      'BATCH_CANCELLED',
      409,
      'this batch was cancelled; send the file anew, with another Idempotency-Key',
    );
}

/**
 * Begins a batch, or finds the one that the same key began before; then `rowsRead` says how many of its rows
 * are stored already.
 */
export async function beginBatch(
  db: Db,
  batch: { name: string; createdBy: string | null; idempotencyKey: string | null; webhookId?: string | null },
): Promise<{ id: string; state: Batch['state']; rowsRead: number; created: boolean }> {
  const created = await db
    .insertInto('batch')
    .values({
      id: uuid(),
      name: batch.name,
      created_by: batch.createdBy,
      idempotency_key: batch.idempotencyKey,
      state: 'receiving',
      webhook_id: batch.webhookId ?? null,
    })
    .onConflict((conflict) => conflict.columns(['created_by', 'idempotency_key']).doNothing())
    .returning('id')
    .executeTakeFirst();
  if (created !== undefined) return { id: created.id, state: 'receiving', rowsRead: 0, created: true };
  const known = await findUpload(db, batch);
  if (known === null) throw new Error('a batch is neither new nor known');
  return { ...known, created: false };
}

/** The batch that an upload with the same key began before, with how many of its rows are stored; or null. */
export async function findUpload(
  db: Db,
  upload: { createdBy: string | null; idempotencyKey: string | null },
): Promise<{ id: string; state: Batch['state']; rowsRead: number } | null> {
  const row = await db
    .selectFrom('batch')
    .where('created_by', '=', upload.createdBy)
    .where('idempotency_key', '=', upload.idempotencyKey)
    .select(['id', 'state', 'rows_read as rowsRead'])
    .executeTakeFirst();
  return row ?? null;
}

/**
 * Counts rows that were read and keeps the bad ones, in the transaction that stores the good ones as one piece of work.
 *
 * @returns the turn of that work: one more than that of the batch's work before it, but not less than that of the work
 * whose turn it is now. So batches that wait together are taken by turns, and a small one behind a huge one soon is done
 * (start-time fair queueing, Goyal, Vin and Cheng 1996, with chunks of one size)
 * @param rowsBefore rows the caller believes were stored before these
 * @throws AppError BATCH_BUSY when another upload of the same batch stored rows meanwhile, or BATCH_CANCELLED
 */
export async function addBatchRows(
  trx: Db,
  batchId: string,
  rowsBefore: number,
  rows: { read: number; problems: readonly BatchProblem[] },
): Promise<number> {
  const counted = await trx
    .updateTable('batch')
    .set((eb) => ({
      rows_read: eb('rows_read', '+', rows.read),
      rows_bad: eb('rows_bad', '+', rows.problems.length),
      state: 'receiving',
      turn: sql<number>`greatest(1,
        (select turn from work where lane = 'assess' and state = 'pending' and due_at <= now()
          order by turn, due_at limit 1),
        case when exists (select from work where batch_id = batch.id and state = 'pending') then turn + 1 end)`,
    }))
    .where('id', '=', batchId)
    .where('rows_read', '=', rowsBefore)
    .where('state', 'not in', ended)
    .returning('turn')
    .executeTakeFirst();
  if (counted === undefined) {
    const batch = await trx
      .selectFrom('batch')
      .where('id', '=', batchId)
      .select('state')
      .executeTakeFirstOrThrow();
    refuseCancelled(batch.state);
    throw new AppError(
      'BATCH_BUSY',
      409,
      'another upload with this Idempotency-Key is under way; wait for it to end',
    );
  }
  await insertRecords(
    trx,
    'batch_problem',
    rows.problems.map(({ row, line, id, problem }) => ({
      batch_id: batchId,
      row_number: row,
      line,
      row_id: id,
      problem,
    })),
    sql`on conflict (batch_id, row_number) do nothing`,
  );
  return counted.turn;
}

/** Ends the upload: `received` when all of it came, `cut` when the sender went away before the end. */
export async function endBatchUpload(db: Db, batchId: string, state: 'received' | 'cut'): Promise<void> {
  await inTransaction(db, async (trx) => {
    await trx
      .updateTable('batch')
      .set({ state, ...(state === 'received' ? { received_at: sql<Date>`now()` } : {}) })
      .where('id', '=', batchId)
      .where('state', 'not in', ended)
      .execute();
    await tellIfEnded(trx, batchId);
  });
}

/** Keeps what a chunk's rows became and counts them, in the transaction that finishes the chunk's work, after that. */
export async function addBatchItems(
  trx: Db,
  batchId: string,
  items: readonly BatchItem[],
  flagged: number,
): Promise<void> {
  await insertRecords(
    trx,
    'batch_item',
    items.map(({ row, line, id, listingId, assessmentId }) => ({
      batch_id: batchId,
      row_number: row,
      line,
      row_id: id,
      listing_id: listingId,
      assessment_id: assessmentId,
    })),
  );
  await trx
    .updateTable('batch')
    .set((eb) => ({
      rows_scored: eb('rows_scored', '+', items.length),
      rows_flagged: eb('rows_flagged', '+', flagged),
    }))
    .where('id', '=', batchId)
    .execute();
  await tellIfEnded(trx, batchId);
}

/** The batch with its counts and the first 100 of its rows that are bad or were given up, or null. */
export async function findBatch(db: Db, id: string): Promise<Batch | null> {
  const row = await db.selectFrom('batch').where('id', '=', id).selectAll().executeTakeFirst();
  if (row === undefined) return null;
  const chunks = await db
    .selectFrom('work')
    .where('batch_id', '=', id)
    .select([
      sql<number>`count(*) filter (where state = 'done')::int`.as('done'),
      sql<number>`count(*) filter (where state = 'done' and finished_at > now() - make_interval(secs => ${rateSeconds}))::int`.as(
        'lately',
      ),
      sql<number>`extract(epoch from now() - ${row.created_at.toISOString()}::timestamptz)::float8`.as(
        'ageSeconds',
      ),
    ])
    .executeTakeFirstOrThrow();
  const failed = (await countGivenUp(db, [id])).get(id) ?? 0;
  const bad = await db
    .selectFrom('batch_problem')
    .where('batch_id', '=', id)
    .orderBy('line')
    .orderBy('row_number')
    .limit(problemsShown)
    .select(['line', 'row_id as id', 'problem'])
    .execute();
  const givenUp =
    failed === 0
      ? []
      : await givenUpAfter(db, await findGivenUpChunks(db, id), beforeFirstRow, problemsShown);
  const problems = [...bad, ...givenUp.map(({ row: _row, ...problem }) => problem)]
    .sort((a, b) => a.line - b.line)
    .slice(0, problemsShown);
  const rows = {
    read: row.rows_read,
    bad: row.rows_bad,
    scored: row.rows_scored,
    flagged: row.rows_flagged,
    failed,
  };
  const done = isDone(row.state, rows);
  const scoredLately = chunks.done === 0 ? 0 : (rows.scored / chunks.done) * chunks.lately;
  const rowsPerSecond = scoredLately / Math.max(1, Math.min(chunks.ageSeconds, rateSeconds));
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    done,
    rowsPerSecond,
    secondsLeft: done ? 0 : secondsLeft(row.state, rows, rowsPerSecond),
    rows,
    createdAt: row.created_at,
    receivedAt: row.received_at,
    problems,
  };
}

/** Whether no row of what came waits any more; more may still come where the upload was cut. */
export function isDone(state: Batch['state'], rows: Batch['rows']): boolean {
  return (
    state === 'cancelled' || (state !== 'receiving' && rows.scored + rows.failed + rows.bad >= rows.read)
  );
}

/** Nobody knows how much is still to come of an upload under way, or when work that stands still goes on. */
function secondsLeft(state: Batch['state'], rows: Batch['rows'], rowsPerSecond: number): number | null {
  if (state === 'receiving' || rowsPerSecond === 0) return null;
  return (rows.read - rows.scored - rows.bad - rows.failed) / rowsPerSecond;
}
