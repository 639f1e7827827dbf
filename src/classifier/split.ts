import { createHash } from 'node:crypto';
import type { CorpusRow } from './corpus.ts';

type Split = 'train' | 'validation' | 'test';

/**
 * Deals whole batches to the splits, so that no author's voice stands on both sides. Within each slice, batches are
 * ordered by the hash of their names; one in six, but at least one, goes to test, and as many to validation. A slice
 * with two batches holds one out, for either by the hash of its name; one with a single batch only teaches. Depends
 * on the names alone, never on the seed.
 */
export function splitCorpus(rows: readonly CorpusRow[]): Record<Split, CorpusRow[]> {
  const batchesOfSlice = new Map<string, Set<string>>();
  for (const { slice, batch } of rows) {
    const batches = batchesOfSlice.get(slice) ?? new Set();
    batches.add(batch);
    batchesOfSlice.set(slice, batches);
  }
  const splitOf = new Map<string, Split>();
  for (const [slice, batches] of batchesOfSlice) {
    const ordered = [...batches].sort((a, b) => (hashOf(a) < hashOf(b) ? -1 : 1));
    const heldOut = heldOutSplits(slice, ordered.length);
    ordered.forEach((batch, index) => {
      // A batch keeps its first split, should it ever stand in two slices.
      if (!splitOf.has(batch)) splitOf.set(batch, heldOut[index] ?? 'train');
    });
  }
  const dealt: Record<Split, CorpusRow[]> = { train: [], validation: [], test: [] };
  for (const row of rows) dealt[splitOf.get(row.batch) ?? 'train'].push(row);
  return dealt;
}

function heldOutSplits(slice: string, batches: number): Split[] {
  if (batches < 2) return [];
  if (batches === 2) return [hashOf(slice) < '8' ? 'test' : 'validation'];
  const each = Math.max(1, Math.round(batches / 6));
  return [...Array<Split>(each).fill('test'), ...Array<Split>(each).fill('validation')];
}

function hashOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}
