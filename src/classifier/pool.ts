import type { Features, Vocabulary } from './features.ts';
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

/** A pool over these weights; what it remembers goes with the vocabulary that the features come with. */
export function createPool({ embedding, dimensions }: Weights): Pool {
  const whole = new Float32Array(dimensions);
  const part = new Float32Array(dimensions);
  let vocabulary: Vocabulary | null = null;
  /** The sum of each word's rows, [words, dimensions], and whether it was made. */
  let sums = new Float32Array(0);
  let made = new Uint8Array(0);

  function addRow(sum: Float32Array, row: number, share: number): void {
    const from = row * dimensions;
    for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) + share * (embedding[from + d] ?? 0);
  }

  /** Where the sum of a word's rows begins in `sums`. */
  function sumOf(word: number, known: Vocabulary): number {
    if (word >= made.length) makeRoom(2 * word + 1_024);
    const at = word * dimensions;
    if (made[word] === 0) {
      const sum = sums.subarray(at, at + dimensions);
      sum.fill(0);
      for (const row of known.rowsOf(word)) addRow(sum, row, 1);
      made[word] = 1;
    }
    return at;
  }

  function makeRoom(words: number): void {
    const moreSums = new Float32Array(words * dimensions);
    const moreMade = new Uint8Array(words);
    moreSums.set(sums);
    moreMade.set(made);
    sums = moreSums;
    made = moreMade;
  }

  function follow(features: Features): Vocabulary {
    if (features.vocabulary !== vocabulary) made.fill(0);
    vocabulary = features.vocabulary;
    return vocabulary;
  }

  function scaleOf(features: Features): number {
    return features.count > 0 ? 1 / Math.sqrt(features.count) : 0;
  }

  return {
    write(features, target, at) {
      const known = follow(features);
      const { length, words, pairs } = features;
      for (let word = 0; word < length; word += 1) sumOf(words[word] ?? 0, known);
      whole.fill(0);
      const wordSums = sums; // a constant, which the loop need not look up again
      for (let word = 0; word < length; word += 1) {
        const sum = (words[word] ?? 0) * dimensions;
        const row = (pairs[word] ?? 0) * dimensions;
        for (let d = 0; d < dimensions; d += 1)
          whole[d] = (whole[d] ?? 0) + ((wordSums[sum + d] ?? 0) + (embedding[row + d] ?? 0));
      }
      const scale = scaleOf(features);
      for (let d = 0; d < dimensions; d += 1) target[at + d] = (whole[d] ?? 0) * scale;
    },
    part(features, index) {
      const known = follow(features);
      if (index >= features.length) return part.fill(0);
      const sum = sumOf(features.words[index] ?? 0, known);
      part.set(sums.subarray(sum, sum + dimensions));
      // The first word's pair, with the start of the text, is its own.
      addRow(part, features.pairs[index] ?? 0, index === 0 ? 1 : 0.5);
      if (index + 1 < features.length) addRow(part, features.pairs[index + 1] ?? 0, 0.5);
      const scale = scaleOf(features);
      for (let d = 0; d < dimensions; d += 1) part[d] = (part[d] ?? 0) * scale;
      return part;
    },
  };
}
