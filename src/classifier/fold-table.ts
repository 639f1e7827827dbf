import { type FoldedCharacter, fold } from '../domain/fold-character.ts';
import { leet } from './piece-word.ts';

/** Code points outside the common ones whose folding is remembered; more than any honest corpus has. */
const remembered = 65_536;

/** How a UTF-16 code unit takes part in words, for the loop that reads texts. */
export const unitClass = {
  /** Not looked at yet. */
  unknown: 0,
  letter: 1,
  digit: 2,
  /** A sign that stands for a letter inside a word, and parts words elsewhere. */
  leet: 3,
  space: 4,
  /** A sign that a word may go on across. */
  breaker: 5,
  /** A sign that parts words. */
  parting: 6,
  nothing: 7,
  /** Half of a pair, a symbol, or a character that folds to several units: ask `fold`. */
  other: 8,
} as const;

/** Signs that sellers put inside words to break them; a word goes on across one of them. */
const breakers = new Set(['.', '-', '_', '*', "'", '’', '·', '•', '~', '+', '/', ',']);

/** What is known of characters, in typed arrays, since nearly all text repeats a few hundred of them. */
export type FoldTable = {
  /** Class of each UTF-16 code unit. */
  classes: Uint8Array;
  /** What a unit folds to, where its class says that it is one unit. */
  folded: Uint16Array;
  /** Fills in a unit whose class is unknown, and answers the class. */
  learn(unit: number): number;
  /** Folds any code point; of the class `other` are symbols, and letters and digits that fold to several units. */
  fold(codePoint: number): FoldedCharacter & { unitClass: number };
};

/** A table that learns characters as they come; `fold` remembers a bounded number of them. */
export function createFoldTable(): FoldTable {
  const classes = new Uint8Array(0x10000);
  const folded = new Uint16Array(0x10000);
  const seen = new Map<number, FoldedCharacter & { unitClass: number }>();
  return {
    classes,
    folded,
    learn(unit) {
      const surrogate = unit >= 0xd800 && unit < 0xe000;
      const character = fold(unit);
      const known = surrogate ? unitClass.other : classOf(character);
      classes[unit] = known;
      folded[unit] = character.text.charCodeAt(0);
      return known;
    },
    fold(codePoint) {
      const known = seen.get(codePoint);
      if (known !== undefined) return known;
      const folding = fold(codePoint);
      const character = { ...folding, unitClass: classOf(folding) };
      if (seen.size < remembered) seen.set(codePoint, character);
      return character;
    },
  };
}

function classOf({ text, kind }: FoldedCharacter): number {
  if (kind === 'nothing' || kind === 'space') return unitClass[kind];
  if (kind === 'mark') {
    if (text in leet) return unitClass.leet;
    return breakers.has(text) ? unitClass.breaker : unitClass.parting;
  }
  return text.length === 1 && kind !== 'symbol' ? unitClass[kind] : unitClass.other;
}
