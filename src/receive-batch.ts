import { setTimeout as wait } from 'node:timers/promises';
import type { ChunkRow } from './assess.ts';
import { AppError } from './domain/app-error.ts';
import { storable } from './domain/text.ts';
import type { IntakeRow } from './intake/read-listings.ts';
import type { Bell } from './queue/job-queue.ts';
import {
  addBatchRows,
  type BatchProblem,
  beginBatch,
  endBatchUpload,
  findUpload,
  refuseCancelled,
} from './store/batches.ts';
import { type Db, inTransaction } from './store/db.ts';
import { addWork, countWaiting } from './store/work.ts';

/** Text of one chunk in UTF-16 code units, so that rows of 100,000 units do not pile up in memory. */
const chunkUnits = 2_000_000;

/** Chunks that wait, of which the workers have their hands full; */
const plentyChunks = 8;
/** then an upload rests as long as it took, but no longer than this, milliseconds. */
const longestRestMs = 200;
/** When a sender who finds too much waiting may come again. */
const retryAfterSeconds = 60;

/** Who sends a batch, and under what name. */
export type BatchUpload = {
  name: string;
  createdBy: string | null;
  idempotencyKey: string | null;
  /** Who is told of its end. That of the first upload counts where one goes on. */
  webhookId?: string | null;
};

/**
 * Stores the rows of a batch as they come, a chunk at a time, each chunk as one piece of `assess` work. When the
 * sender goes away in the middle, what came is kept and scored; the same upload with the same key goes on from there.
 *
 * Before anything is read, it is refused while too much of other batches waits: rows come ten times as fast as they are
 * scored, and what waits is kept twice.
 *
 * @param ring tells the queue of new work, after it is stored
 * @param limits.chunkRows rows of one piece of work
 * @param limits.backlogRows most rows that may wait
 * @throws AppError as reading does, BACKLOG_FULL, BATCH_BUSY or BATCH_CANCELLED
 * @returns the batch's id, and how many rows this upload found stored already
 */
export async function receiveBatch(
  rows: AsyncIterable<IntakeRow>,
  upload: BatchUpload,
  deps: {
    db: Db;
    ring(bells: readonly Bell[]): Promise<void>;
    limits: { chunkRows: number; backlogRows: number };
    onProgress?(rowsRead: number): void;
  },
): Promise<{ batchId: string; resumedAt: number }> {
  const { chunkRows, backlogRows } = deps.limits;
  const known = await findUpload(deps.db, upload);
  if (known?.state === 'received') return { batchId: known.id, resumedAt: known.rowsRead };
  const mostChunks = Math.ceil(backlogRows / chunkRows);
  if ((await countWaiting(deps.db, 'assess', mostChunks)) >= mostChunks) {
    throw new AppError(
      'BACKLOG_FULL',
      503,
      `about ${backlogRows} rows wait to be scored already; send this file again in a minute or later`,
      { retryAfterSeconds },
    );
  }
  const batch = await beginBatch(deps.db, upload);
  refuseCancelled(batch.state);
  if (batch.state === 'received') return { batchId: batch.id, resumedAt: batch.rowsRead };
  let stored = batch.rowsRead;
  let skip = batch.rowsRead;
  let good: ChunkRow[] = [];
  let problems: BatchProblem[] = [];
  let units = 0;
  let restedAt = performance.now();

  async function flush(): Promise<void> {
    const read = good.length + problems.length;
    if (read === 0) return;
    const workId = await inTransaction(deps.db, async (trx) => {
      const turn = await addBatchRows(trx, batch.id, stored, { read, problems });
      if (good.length === 0) return null;
      return await addWork(trx, {
        lane: 'assess',
        key: `${batch.id}:${stored}`,
        payload: { batchId: batch.id, rows: good },
        batchId: batch.id,
        turn,
      });
    });
    if (workId !== null) await deps.ring([{ lane: 'assess', workId }]);
    stored += read;
    good = [];
    problems = [];
    units = 0;
    deps.onProgress?.(stored);
    // An embedded store answers without the event loop ever turning, and others want to be answered meanwhile.
    await rest();
  }

  /** Lets others have their turn: at once where the workers are waiting for more, or half of the time. */
  async function rest(): Promise<void> {
    const took = performance.now() - restedAt;
    const plenty = (await countWaiting(deps.db, 'assess', plentyChunks)) >= plentyChunks;
    await wait(plenty ? Math.min(took, longestRestMs) : 0);
    restedAt = performance.now();
  }

  async function keepWhatCame(): Promise<void> {
    // What ended the upload is what its sender must know of; rows not stored now come again with the next upload.
    await flush().catch(() => undefined);
    await endBatchUpload(deps.db, batch.id, 'cut');
  }

  try {
    for await (const row of rows) {
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      const id = row.id === null ? null : storable(row.id);
      const number = stored + good.length + problems.length + 1;
      if ('listing' in row) {
        good.push({ row: number, line: row.line, id, listing: row.listing });
        units += row.listing.text.length;
      } else {
        problems.push({ row: number, line: row.line, id, problem: storable(row.problem) });
        units += row.problem.length;
      }
      if (good.length + problems.length >= chunkRows || units >= chunkUnits) await flush();
    }
    await flush();
  } catch (error) {
    if (error instanceof AppError && ['BATCH_BUSY', 'BATCH_CANCELLED'].includes(error.code)) throw error;
    await keepWhatCame();
    throw error instanceof AppError && stored > 0 ? withRowsKept(error, batch.id, stored, upload) : error;
  }
  await endBatchUpload(deps.db, batch.id, 'received');
  return { batchId: batch.id, resumedAt: batch.rowsRead };
}

/** Tells the sender of a file that ended too early what became of its beginning. */
function withRowsKept(
  error: AppError,
  batchId: string,
  rows: number,
  { idempotencyKey }: BatchUpload,
): AppError {
  const next =
    error.code === 'INPUT_BROKEN' && idempotencyKey !== null
      ? '; the whole file, sent again with the same Idempotency-Key, goes on after them'
      : '';
  return new AppError(
    error.code,
    error.status,
    `${error.message}; the first ${rows} rows are kept as batch ${batchId}${next}`,
    { cause: error, issues: error.issues },
  );
}
