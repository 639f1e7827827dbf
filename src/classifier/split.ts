import { createHash } from 'node:crypto';
import type { CorpusRow } from './corpus.ts';

export const splits = ['train', 'validation', 'test'] as const;
export type Split = (typeof splits)[number];

/**
 * Deals whole batches to the splits, so that no author's voice stands on both sides. Within each slice, batches are
 * ordered by the hash of their names; of every eight, one goes to validation and one to test (of fewer, one each
 * while at least three are there). Depends on the names alone, never on the seed.
 */
export function splitCorpus(rows: readonly CorpusRow[]): Record<Split, CorpusRow[]> {
  const batchesOfSlice = new Map<string, Set<string>>();
  for (const { slice, batch } of rows) {
    const batches = batchesOfSlice.get(slice) ?? new Set();
    batches.add(batch);
    batchesOfSlice.set(slice, batches);
  }
  const splitOf = new Map<string, Split>();
  for (const batches of batchesOfSlice.values()) {
    const ordered = [...batches].sort((a, b) => (hashOf(a) < hashOf(b) ? -1 : 1));
    const heldOut = ordered.length < 3 ? 0 : Math.max(1, Math.round(ordered.length / 6));
    ordered.forEach((batch, index) => {
      // A batch keeps its first split, should it ever stand in two slices.
      if (splitOf.has(batch)) return;
      splitOf.set(batch, index < heldOut ? 'test' : index < 2 * heldOut ? 'validation' : 'train');
    });
  }
  const dealt: Record<Split, CorpusRow[]> = { train: [], validation: [], test: [] };
  for (const row of rows) dealt[splitOf.get(row.batch) ?? 'train'].push(row);
  return dealt;
}

function hashOf(batch: string): string {
  return createHash('sha256').update(batch).digest('hex');
}
