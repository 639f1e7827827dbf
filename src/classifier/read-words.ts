import { joinPieces } from './join-pieces.ts';
import { createPieceReader } from './read-pieces.ts';
import { createWordMemory, type WordMemory } from './word-memory.ts';

/**
 * The words of a text by their numbers in a memory; word i stands for `[starts[i], ends[i])` of the text, in UTF-16
 * code units. Typed arrays that the next text overwrites: they are longer than `count`.
 */
export type WordNumbers = {
  memory: WordMemory;
  count: number;
  numbers: Int32Array;
  starts: Int32Array;
  ends: Int32Array;
};

/** A word as the classifier reads it, with its stretch of the text. */
type Word = { text: string; start: number; end: number };

export type WordReader = (text: string) => Word[];

/** Pieces after which a new memory is begun; the bound keeps hostile text from filling the computer's. */
const rememberedPieces = 131_072;

/**
 * Makes the function that reads a text as words: folded, with broken words joined ("b a l", "t.h.r.i.f.t"), leet
 * resolved inside words, repeated letters squeezed, amounts and phone numbers as classes, and every emoji as a word
 * of its own. Linear in the text's length; takes any string.
 */
export function createWordNumberReader(): (text: string) => WordNumbers {
  const readPieces = createPieceReader();
  let memory = createWordMemory();
  let numbers = new Int32Array(0);
  return (text) => {
    if (memory.size() > rememberedPieces) memory = createWordMemory();
    const pieces = readPieces(text);
    joinPieces(pieces);
    const { count, starts, ends, from, to, kinds, folded } = pieces;
    if (numbers.length < starts.length) numbers = new Int32Array(starts.length);
    for (let word = 0; word < count; word += 1) {
      numbers[word] = memory.numberOf(folded, from[word] ?? 0, to[word] ?? 0, kinds[word] ?? 0);
    }
    return { memory, count, numbers, starts, ends };
  };
}

/** The same, with each word's text. */
export function createWordReader(): WordReader {
  const read = createWordNumberReader();
  return (text) => {
    const { memory, count, numbers, starts, ends } = read(text);
    return Array.from({ length: count }, (_, word) => ({
      text: memory.texts[numbers[word] ?? 0] ?? '',
      start: starts[word] ?? 0,
      end: ends[word] ?? 0,
    }));
  };
}
