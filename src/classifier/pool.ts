import type { Features } from './features.ts';
import { pairFeatures } from './features.ts';
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

/** Adds up the rows of all features. */
export function pool(features: Features, weights: Weights): Pooled {
  const sum = new Float32Array(weights.dimensions);
  addRows(sum, features.rows, 0, features.rows.length, weights, 1);
  return { sum, count: features.rows.length };
}

/** What is left of `whole` without word `index`: its own features, and the pair it makes with the word after it. */
export function poolWithout(whole: Pooled, features: Features, index: number, weights: Weights): Pooled {
  const first = features.firsts[index] ?? 0;
  const next = features.firsts[index + 1] ?? first;
  const sum = whole.sum.slice();
  // The pair with the next word stands first among that word's features.
  const end = index + 1 < features.starts.length ? next + pairFeatures : next;
  addRows(sum, features.rows, first, end, weights, -1);
  return { sum, count: whole.count - (end - first) };
}

/** Writes the pooled vector, as the network takes it, to `target` from `at` on. */
export function writePooled(pooled: Pooled, target: Float32Array, at: number): void {
  const scale = pooled.count > 0 ? 1 / Math.sqrt(pooled.count) : 0;
  for (let d = 0; d < pooled.sum.length; d += 1) target[at + d] = (pooled.sum[d] ?? 0) * scale;
}

function addRows(
  sum: Float32Array,
  rows: Int32Array,
  from: number,
  to: number,
  weights: Weights,
  sign: 1 | -1,
): void {
  const { dimensions, embedding } = weights;
  for (let at = from; at < to; at += 1) {
    const row = (rows[at] ?? 0) * dimensions;
    for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) + sign * (embedding[row + d] ?? 0);
  }
}
