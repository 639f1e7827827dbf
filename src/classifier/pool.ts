import type { Features, Vocabulary } from './features.ts';
import { createRowSums } from './kernel/row-sums.ts';
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
  const sums = createRowSums(embedding, dimensions);
  const part = new Float32Array(dimensions);
  let vocabulary: Vocabulary | null = null;
  /** Whether the sum of a word's rows is kept. */
  let kept = new Uint8Array(1_024);

  /** Sees to it that the sums of a text's words are kept. */
  function keepWords({ vocabulary: known, words, length }: Features): void {
    if (known !== vocabulary) kept.fill(0);
    vocabulary = known;
    for (let at = 0; at < length; at += 1) {
      const word = words[at] ?? 0;
      if (word >= kept.length) {
        const more = new Uint8Array(2 * word);
        more.set(kept);
        kept = more;
      }
      if (kept[word] === 1) continue;
      const rows = known.rowsOf(word);
      sums.clear();
      sums.addRows(rows, rows.length);
      sums.keep(word);
      kept[word] = 1;
    }
  }

  function scaleOf(features: Features): number {
    return features.count > 0 ? 1 / Math.sqrt(features.count) : 0;
  }

  return {
    write(features, target, at) {
      keepWords(features);
      sums.clear();
      sums.addKept(features.words, features.length);
      sums.addRows(features.pairs, features.length);
      sums.read(target, at, scaleOf(features));
    },
    part(features, index) {
      if (index >= features.length) return part.fill(0);
      if (features.vocabulary !== vocabulary || kept[features.words[index] ?? 0] !== 1) keepWords(features);
      sums.readKept(features.words[index] ?? 0, part);
      // The first word's pair, with the start of the text, is its own.
      sums.addShare(features.pairs[index] ?? 0, index === 0 ? 1 : 0.5, part);
      if (index + 1 < features.length) sums.addShare(features.pairs[index + 1] ?? 0, 0.5, part);
      const scale = scaleOf(features);
      for (let d = 0; d < dimensions; d += 1) part[d] = (part[d] ?? 0) * scale;
      return part;
    },
  };
}
