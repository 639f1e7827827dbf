import { z } from 'zod';
import type { Batch } from '../store/batches.ts';
import type { BatchSummary } from '../store/list-batches.ts';

const Time = z.iso.datetime();

/** States of a batch's upload. */
export const BatchState = z.enum(['receiving', 'received', 'cut', 'cancelled'], {
  message: 'must be one of: receiving, received, cut, cancelled',
});

/** A batch in a list, as JSON. */
export const BatchSummaryView = z.object({
  id: z.uuid(),
  name: z.string(),
  state: BatchState,
  done: z.boolean(),
  rows: z.object({ read: z.int(), bad: z.int(), scored: z.int(), flagged: z.int(), failed: z.int() }),
  createdAt: Time,
  receivedAt: Time.nullable(),
});

/** A batch alone, as JSON. */
export const BatchView = BatchSummaryView.extend({
  /** In the last minute. */
  rowsPerSecond: z.number(),
  secondsLeft: z.int().nullable(),
  /** Rows that are bad or were given up. */
  problems: z.array(z.object({ line: z.int(), id: z.string().nullable(), problem: z.string() })),
});

/** A batch of a list as JSON. */
export function viewBatchSummary(batch: BatchSummary): z.infer<typeof BatchSummaryView> {
  return {
    ...batch,
    createdAt: batch.createdAt.toISOString(),
    receivedAt: batch.receivedAt?.toISOString() ?? null,
  };
}

/** A batch alone as JSON. */
export function viewBatch(batch: Batch): z.infer<typeof BatchView> {
  const { rowsPerSecond, secondsLeft, problems, ...summary } = batch;
  return {
    ...viewBatchSummary(summary),
    rowsPerSecond: Math.round(rowsPerSecond * 10) / 10,
    secondsLeft: secondsLeft === null ? null : Math.ceil(secondsLeft),
    problems,
  };
}
