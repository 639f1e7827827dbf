import { StemmerId } from 'natural/lib/natural/stemmers/index.js';
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
  /** Whether the Indonesian stem of a word is a feature too. */
  stems: z.boolean(),
});
export type FeatureSettings = z.infer<typeof FeatureSettings>;

/** The features of one text, word by word. */
export type Features = {
  /** Embedding rows of each word. Words seen before share one array, so what is made of it can be remembered. */
  words: Int32Array[];
  /** Embedding row of the pair that each word makes with the one before it. */
  pairs: Int32Array;
  /** Word i stands for `[starts[i], ends[i])` of the original text, in UTF-16 code units. */
  starts: Int32Array;
  ends: Int32Array;
  /** How many features there are in all. */
  count: number;
};

export type FeatureExtractor = (text: string) => Features;

/** Runs of characters are taken from this many characters of a word, which bounds the features of any text. */
const gramCharacters = 40;
/** A stem costs 40 µs, so words seen are remembered; the bound keeps hostile text from filling memory. */
const rememberedWords = 16_384;

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;
const pairSeed = 0x9e3779b9;
const stemSeed = 0x85ebca6b;

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

function wordRows(text: string, settings: FeatureSettings): Int32Array {
  const { buckets, minGram, maxGram } = settings;
  const rows = [hash(text, 0, text.length, fnvOffset) % buckets];
  const framed = `<${text.slice(0, gramCharacters)}>`;
  for (let length = minGram; length <= maxGram; length += 1) {
    for (let from = 0; from + length <= framed.length; from += 1) {
      rows.push(hash(framed, from, from + length, fnvOffset ^ length) % buckets);
    }
  }
  if (settings.stems && /^[a-z]{4,30}$/.test(text)) {
    const stem = StemmerId.stem(text);
    rows.push(hash(stem, 0, stem.length, stemSeed) % buckets);
  }
  return Int32Array.from(rows);
}

/**
 * Makes the function that turns texts into hashed features: each word, the pair it makes with the word before,
 * runs of its characters with word ends marked, and its stem (the `natural` package's, after Tala 2003). Linear in
 * the text's length; takes any string.
 */
export function createFeatureExtractor(settings: FeatureSettings): FeatureExtractor {
  const read = createWordReader();
  const known = new Map<string, { rows: Int32Array; hash: number }>();

  function remember(word: string): { rows: Int32Array; hash: number } {
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const fresh = { rows: wordRows(word, settings), hash: hash(word, 0, word.length, pairSeed) };
    if (known.size >= rememberedWords) known.clear();
    known.set(word, fresh);
    return fresh;
  }

  return (text) => {
    const words = read(text);
    const starts = new Int32Array(words.length);
    const ends = new Int32Array(words.length);
    const pairs = new Int32Array(words.length);
    let count = words.length;
    let before = pairSeed;
    const rows = words.map((word, index) => {
      const own = remember(word.text);
      starts[index] = word.start;
      ends[index] = word.end;
      pairs[index] = mix(Math.imul(before, fnvPrime) ^ own.hash) % settings.buckets;
      before = own.hash;
      count += own.rows.length;
      return own.rows;
    });
    return { words: rows, pairs, starts, ends, count };
  };
}

/** The rows of all features of a text, in order. */
export function allRows(features: Features): Int32Array {
  const rows = new Int32Array(features.count);
  rows.set(features.pairs);
  let at = features.pairs.length;
  for (const word of features.words) {
    rows.set(word, at);
    at += word.length;
  }
  return rows;
}
