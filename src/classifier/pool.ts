import type { Features, WordFeatures } from './features.ts';
import type { Weights } from './weights.ts';

/**
 * Pools a text: the sum of its embedding rows, divided by the square root of their number, since a mean would drown
 * one telling phrase in a long caption and a plain sum would let length alone speak. Pooling is linear, so the sum
 * of a word's rows is remembered with the word: a text of known words costs one vector addition per word instead of
 * one per feature.
 */
export type Pool = {
  /** Writes the pooled text, as the network takes it, to `target` from `at` on. */
  write(features: Features, target: Float32Array, at: number): void;
  /**
   * What word `index` puts into the pooled text: its own features, and half of each pair it makes with a neighbour.
   * The parts of all words add up to the pooled text. The array is used again by the next call. [dimensions]
   */
  part(features: Features, index: number): Float32Array;
};

/** A pool over these weights; what it remembers goes with the words that the feature extractor remembers. */
export function createPool({ embedding, dimensions }: Weights): Pool {
  const me = {};
  const whole = new Float32Array(dimensions);
  const part = new Float32Array(dimensions);

  function addRow(sum: Float32Array, row: number, share: number): void {
    const from = row * dimensions;
    for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) + share * (embedding[from + d] ?? 0);
  }

  function wordSum(word: WordFeatures): Float32Array {
    if (word.pooled?.pool === me) return word.pooled.sum;
    const sum = new Float32Array(dimensions);
    for (const row of word.rows) addRow(sum, row, 1);
    word.pooled = { pool: me, sum };
    return sum;
  }

  function scaleOf(features: Features): number {
    return features.count > 0 ? 1 / Math.sqrt(features.count) : 0;
  }

  return {
    write(features, target, at) {
      whole.fill(0);
      for (const word of features.words) {
        const sum = wordSum(word);
        for (let d = 0; d < dimensions; d += 1) whole[d] = (whole[d] ?? 0) + (sum[d] ?? 0);
      }
      for (const row of features.pairs) addRow(whole, row, 1);
      const scale = scaleOf(features);
      for (let d = 0; d < dimensions; d += 1) target[at + d] = (whole[d] ?? 0) * scale;
    },
    part(features, index) {
      const word = features.words[index];
      if (word === undefined) return part.fill(0);
      part.set(wordSum(word));
      // The first word's pair, with the start of the text, is its own.
      addRow(part, features.pairs[index] ?? 0, index === 0 ? 1 : 0.5);
      const next = features.pairs[index + 1];
      if (next !== undefined) addRow(part, next, 0.5);
      const scale = scaleOf(features);
      for (let d = 0; d < dimensions; d += 1) part[d] = (part[d] ?? 0) * scale;
      return part;
    },
  };
}
