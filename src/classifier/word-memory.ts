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

const firstPieces = 4_096;
const fnvPrime = 0x01000193;

/** Pieces are found by their folded units in an open-addressed table, so that reading a known one makes no string. */
export function createWordMemory(): WordMemory {
  // Random, so that nobody can write words that fall into one place of the table.
  const seed = randomInt(2 ** 32);
  const texts: string[] = [];
  const numbers = new Map<string, number>();
  let count = 0;
  /** Twice as many places as pieces at least; each holds a piece's place in the lists below plus one, or 0. */
  let places = new Int32Array(4 * firstPieces);
  let hashes = new Int32Array(firstPieces);
  let words = new Int32Array(firstPieces);
  /** Piece i is `letters[begins[i]]` up to `letters[begins[i + 1]]`. */
  let begins = new Int32Array(firstPieces + 1);
  let letters = new Uint16Array(8 * firstPieces);

  function isPiece(piece: number, units: Uint16Array, from: number, length: number): boolean {
    const begin = begins[piece] ?? 0;
    if ((begins[piece + 1] ?? 0) - begin !== length) return false;
    for (let at = 0; at < length; at += 1) if (letters[begin + at] !== units[from + at]) return false;
    return true;
  }

  function grow(): void {
    hashes = larger(hashes);
    words = larger(words);
    const more = new Int32Array(2 * begins.length);
    more.set(begins);
    begins = more;
    places = new Int32Array(2 * places.length);
    for (let piece = 0; piece < count; piece += 1) {
      let place = (hashes[piece] ?? 0) & (places.length - 1);
      while (places[place] !== 0) place = (place + 1) & (places.length - 1);
      places[place] = piece + 1;
    }
  }

  function learn(units: Uint16Array, from: number, to: number, kind: number): number {
    const text = String.fromCharCode(...units.subarray(from, to));
    const word = kind === pieceKind.symbol ? text : wordOfPiece(text);
    const known = numbers.get(word);
    if (known !== undefined) return known;
    texts.push(word);
    numbers.set(word, texts.length - 1);
    return texts.length - 1;
  }

  return {
    texts,
    size: () => count,
    numberOf(units, from, to, kind) {
      let hash = seed;
      for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (units[at] ?? 0), fnvPrime);
      hash ^= hash >>> 15;
      let place = hash & (places.length - 1);
      for (let known = places[place] ?? 0; known !== 0; known = places[place] ?? 0) {
        const piece = known - 1;
        if (hashes[piece] === hash && isPiece(piece, units, from, to - from)) return words[piece] ?? 0;
        place = (place + 1) & (places.length - 1);
      }
      const begin = begins[count] ?? 0;
      if (begin + to - from > letters.length) {
        const more = new Uint16Array(2 * letters.length + to - from);
        more.set(letters);
        letters = more;
      }
      letters.set(units.subarray(from, to), begin);
      const word = learn(units, from, to, kind);
      hashes[count] = hash;
      words[count] = word;
      places[place] = count + 1;
      count += 1;
      begins[count] = begin + to - from;
      if (count === hashes.length) grow();
      return word;
    },
  };
}

function larger(values: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * values.length);
  more.set(values);
  return more;
}
