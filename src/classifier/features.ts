import { z } from 'zod';
import { createWordNumberReader } from './read-words.ts';
import type { WordMemory } from './word-memory.ts';

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

/** The features of known words, by their numbers. */
export type Vocabulary = {
  /** Embedding rows of a word: its own, and those of its runs of characters. */
  rowsOf(word: number): readonly number[];
};

/**
 * The features of one text, word by word. Valid until the extractor reads the next text, which overwrites the arrays:
 * they are longer than `length`.
 */
export type Features = {
  /** What the numbers of words belong to; another one after so many words that they were forgotten. */
  vocabulary: Vocabulary;
  /** How many words there are. */
  length: number;
  words: Int32Array;
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

/** How many rows wordRows gives. */
function countRows(text: string, { minGram, maxGram }: FeatureSettings): number {
  const framed = Math.min(text.length, gramCharacters) + 2;
  let count = 1;
  for (let length = minGram; length <= maxGram; length += 1) count += Math.max(framed - length + 1, 0);
  return count;
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
 * The features of the words of a memory. Rows are made when asked for and not kept: a pool asks once, and they would be
 * most of what is remembered.
 */
function createVocabulary(texts: readonly string[], settings: FeatureSettings) {
  let known = 0;
  let counts = new Int32Array(4_096);
  let hashes = new Int32Array(4_096);
  return {
    rowsOf: (word: number) => wordRows(texts[word] ?? '', settings),
    countOf: (word: number) => counts[word] ?? 0,
    hashOf: (word: number) => hashes[word] ?? 0,
    /** Takes in the words that the memory has learned since. */
    update(): void {
      for (; known < texts.length; known += 1) {
        const text = texts[known] ?? '';
        if (known >= counts.length) {
          counts = twice(counts);
          hashes = twice(hashes);
        }
        counts[known] = countRows(text, settings);
        hashes[known] = hash(text, 0, text.length, pairSeed);
      }
    },
  };
}

function twice(values: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * values.length);
  more.set(values);
  return more;
}

/**
 * Makes the function that turns texts into hashed features: each word, the pair it makes with the word before,
 * and runs of its characters with word ends marked. Linear in the text's length; takes any string.
 */
export function createFeatureExtractor(settings: FeatureSettings): FeatureExtractor {
  const read = createWordNumberReader();
  let memory: WordMemory | null = null;
  let vocabulary = createVocabulary([], settings);
  let pairs = new Int32Array(0);

  return (text) => {
    const words = read(text);
    if (words.memory !== memory) {
      memory = words.memory;
      vocabulary = createVocabulary(memory.texts, settings);
    }
    vocabulary.update();
    if (pairs.length < words.count) pairs = new Int32Array(2 * words.count);
    let count = words.count;
    let before = pairSeed;
    for (let at = 0; at < words.count; at += 1) {
      const word = words.numbers[at] ?? 0;
      const own = vocabulary.hashOf(word);
      pairs[at] = mix(Math.imul(before, fnvPrime) ^ own) % settings.buckets;
      before = own;
      count += vocabulary.countOf(word);
    }
    const { count: length, numbers, starts, ends } = words;
    return { vocabulary, length, words: numbers, pairs, starts, ends, count };
  };
}

/** The rows of all features of a text: pairs first, then word by word. */
export function allRows({ vocabulary, length, words, pairs, count }: Features): Int32Array {
  const rows = new Int32Array(count);
  rows.set(pairs.subarray(0, length));
  let at = length;
  for (let word = 0; word < length; word += 1) {
    const own = vocabulary.rowsOf(words[word] ?? 0);
    rows.set(own, at);
    at += own.length;
  }
  return rows;
}
