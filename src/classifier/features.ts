import { z } from 'zod';
import { createWordReader } from './read-words.ts';

/** How texts become features; part of every model, since weights mean nothing without it. */
export const FeatureSettings = z.object({
  /** Number of embedding rows that hashes fall into. */
  buckets: z
    .int()
    .min(256)
    .max(1 << 22),
  /** Shortest and longest run of characters inside a word. */
  minGram: z.int().min(1).max(8),
  maxGram: z.int().min(1).max(8),
});
export type FeatureSettings = z.infer<typeof FeatureSettings>;

/** A word's embedding rows. Words seen before share one object, which has a place for what a pool makes of it. */
export type WordFeatures = {
  rows: readonly number[];
  hash: number;
  /** The sum of the rows, and the pool it belongs to. */
  pooled: { pool: object; sum: Float32Array } | null;
};

/** The features of one text, word by word. In plain arrays: typed ones of this size lie outside the heap, where garbage piles up. */
export type Features = {
  words: WordFeatures[];
  /** Embedding row of the pair that each word makes with the one before it. */
  pairs: number[];
  /** Word i stands for `[starts[i], ends[i])` of the original text, in UTF-16 code units. */
  starts: number[];
  ends: number[];
  /** How many features there are in all. */
  count: number;
};

export type FeatureExtractor = (text: string) => Features;

/** Runs of characters are taken from this many characters of a word, which bounds the features of any text. */
const gramCharacters = 40;
/** Words seen are remembered; the bound keeps hostile text from filling memory. */
const rememberedWords = 16_384;

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;
const pairSeed = 0x9e3779b9;

/** Fowler–Noll–Vo 1a over UTF-16 code units, 32 bits (draft-eastlake-fnv). */
function hash(text: string, from: number, to: number, seed: number): number {
  let value = seed;
  for (let at = from; at < to; at += 1) value = Math.imul(value ^ text.charCodeAt(at), fnvPrime);
  return mix(value);
}

/** A last mix, because the low bits of FNV alone are weak and they choose the row. */
function mix(value: number): number {
  return Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) >>> 0;
}

function wordRows(text: string, settings: FeatureSettings): readonly number[] {
  const { buckets, minGram, maxGram } = settings;
  const rows = [hash(text, 0, text.length, fnvOffset) % buckets];
  const framed = `<${text.slice(0, gramCharacters)}>`;
  for (let length = minGram; length <= maxGram; length += 1) {
    for (let from = 0; from + length <= framed.length; from += 1) {
      rows.push(hash(framed, from, from + length, fnvOffset ^ length) % buckets);
    }
  }
  return rows;
}

/**
 * Makes the function that turns texts into hashed features: each word, the pair it makes with the word before,
 * and runs of its characters with word ends marked. Linear in the text's length; takes any string.
 */
export function createFeatureExtractor(settings: FeatureSettings): FeatureExtractor {
  const read = createWordReader();
  const known = new Map<string, WordFeatures>();

  function remember(word: string): WordFeatures {
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const rows = wordRows(word, settings);
    const fresh = { rows, hash: hash(word, 0, word.length, pairSeed), pooled: null };
    if (known.size >= rememberedWords) known.clear();
    known.set(word, fresh);
    return fresh;
  }

  return (text) => {
    const words = read(text);
    const starts: number[] = [];
    const ends: number[] = [];
    const pairs: number[] = [];
    let count = words.length;
    let before = pairSeed;
    const features = words.map((word) => {
      const own = remember(word.text);
      starts.push(word.start);
      ends.push(word.end);
      pairs.push(mix(Math.imul(before, fnvPrime) ^ own.hash) % settings.buckets);
      before = own.hash;
      count += own.rows.length;
      return own;
    });
    return { words: features, pairs, starts, ends, count };
  };
}

/** The rows of all features of a text, in order. */
export function allRows(features: Features): Int32Array {
  const rows = new Int32Array(features.count);
  rows.set(features.pairs);
  let at = features.pairs.length;
  for (const { rows: own } of features.words) {
    rows.set(own, at);
    at += own.length;
  }
  return rows;
}
