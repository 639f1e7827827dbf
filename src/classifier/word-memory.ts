import { randomInt } from 'node:crypto';
import { wordOfPiece } from './piece-word.ts';
import { pieceKind } from './read-pieces.ts';

/**
 * Words read so far, numbered from 0. Pieces that are the same word have one number. Grows with what it is asked, so
 * whoever uses it starts a new one when it is large.
 */
export type WordMemory = {
  /** Each word by its number. */
  texts: string[];
  /** How many different pieces it knows; at least as many as words. */
  size(): number;
  /** The number of the word that the piece `[from, to)` of `units` is. */
  numberOf(units: Uint16Array, from: number, to: number, kind: number): number;
};

const firstPlaces = 8_192;
/** Numbers of a place in the table: the two halves of a piece's hash, its word plus one, and one to make it four. */
const placeSize = 4;
const wordAt = 2;

/**
 * Pieces are found by a hash of 64 bits in an open-addressed table, so that reading a known one makes no string and
 * fetches one line of memory. Two of 100,000 pieces have the same hash once in 4 billion runs, and as the hash begins
 * with random numbers, nobody can write such a pair on purpose.
 */
export function createWordMemory(): WordMemory {
  const seeds = [randomInt(2 ** 32), randomInt(2 ** 32)] as const;
  const texts: string[] = [];
  const numbers = new Map<string, number>();
  let count = 0;
  let table = new Int32Array(firstPlaces * placeSize);

  function emptyPlace(hash: number): number {
    let at = placeOf(hash, table);
    while (table[at + wordAt] !== 0) at = nextPlace(at, table);
    return at;
  }

  function grow(): void {
    const smaller = table;
    table = new Int32Array(2 * smaller.length);
    for (let at = 0; at < smaller.length; at += placeSize) {
      if (smaller[at + wordAt] !== 0)
        table.set(smaller.subarray(at, at + placeSize), emptyPlace(smaller[at] ?? 0));
    }
  }

  function numberOfWord(word: string): number {
    const known = numbers.get(word);
    if (known !== undefined) return known;
    texts.push(word);
    numbers.set(word, texts.length - 1);
    return texts.length - 1;
  }

  function learn(piece: Uint16Array, kind: number, hash: number, other: number): number {
    const text = String.fromCharCode(...piece);
    const word = numberOfWord(kind === pieceKind.symbol ? text : wordOfPiece(text));
    count += 1;
    if (2 * count * placeSize > table.length) grow();
    table.set([hash, other, word + 1], emptyPlace(hash));
    return word;
  }

  return {
    texts,
    size: () => count,
    numberOf(units, from, to, kind) {
      let hash: number = seeds[0];
      let other: number = seeds[1];
      for (let at = from; at < to; at += 1) {
        const unit = units[at] ?? 0;
        hash = Math.imul(hash ^ unit, 0x01000193); // Fowler–Noll–Vo 1a
        other = Math.imul(other ^ Math.imul(unit, 0xcc9e2d51), 0x1b873593); // the constants of MurmurHash3
        other = (other << 13) | (other >>> 19);
      }
      hash ^= hash >>> 15;
      for (let at = placeOf(hash, table); ; at = nextPlace(at, table)) {
        const word = table[at + wordAt] ?? 0;
        if (word === 0) return learn(units.subarray(from, to), kind, hash, other);
        if (table[at] === hash && table[at + 1] === other) return word - 1;
      }
    },
  };
}

function placeOf(hash: number, table: Int32Array): number {
  return (hash * placeSize) & (table.length - 1);
}

function nextPlace(at: number, table: Int32Array): number {
  return (at + placeSize) & (table.length - 1);
}
