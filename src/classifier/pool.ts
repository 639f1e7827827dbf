import type { Features } from './features.ts';
import type { Weights } from './weights.ts';

/**
 * The sum of a text's embedding rows, divided by the square root of their number: a mean would drown one telling
 * phrase in a long caption, a plain sum would let length alone speak.
 */
export type Pooled = {
  /** Sum before the division. [dimensions] */
  sum: Float32Array;
  count: number;
};

/**
 * Adds up embedding rows. Pooling is linear, so the sum of a word's rows is remembered with the word: a text of
 * known words costs one vector addition per word instead of one per feature.
 */
export type Pool = {
  whole(features: Features): Pooled;
  /** What is left of `whole` without word `index`: its own features, and the pairs it makes with its neighbours. */
  without(whole: Pooled, features: Features, index: number): Pooled;
};

/** A pool over these weights; what it remembers goes with the words that the feature extractor remembers. */
export function createPool({ embedding, dimensions }: Weights): Pool {
  const sums = new WeakMap<Int32Array, Float32Array>();

  function addRow(sum: Float32Array, row: number, sign: 1 | -1): void {
    const from = row * dimensions;
    for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) + sign * (embedding[from + d] ?? 0);
  }

  function wordSum(rows: Int32Array): Float32Array {
    const known = sums.get(rows);
    if (known !== undefined) return known;
    const sum = new Float32Array(dimensions);
    for (const row of rows) addRow(sum, row, 1);
    sums.set(rows, sum);
    return sum;
  }

  return {
    whole(features) {
      const sum = new Float32Array(dimensions);
      for (const rows of features.words) {
        const word = wordSum(rows);
        for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) + (word[d] ?? 0);
      }
      for (const row of features.pairs) addRow(sum, row, 1);
      return { sum, count: features.count };
    },
    without(whole, features, index) {
      const rows = features.words[index];
      if (rows === undefined) return whole;
      const word = wordSum(rows);
      const sum = whole.sum.slice();
      for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) - (word[d] ?? 0);
      addRow(sum, features.pairs[index] ?? 0, -1);
      const next = features.pairs[index + 1];
      if (next !== undefined) addRow(sum, next, -1);
      return { sum, count: whole.count - rows.length - (next === undefined ? 1 : 2) };
    },
  };
}

/** Writes the pooled vector, as the network takes it, to `target` from `at` on. */
export function writePooled(pooled: Pooled, target: Float32Array, at: number): void {
  const scale = pooled.count > 0 ? 1 / Math.sqrt(pooled.count) : 0;
  for (let d = 0; d < pooled.sum.length; d += 1) target[at + d] = (pooled.sum[d] ?? 0) * scale;
}
