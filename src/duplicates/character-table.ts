import { fold } from '../domain/fold-character.ts';

/** What a UTF-16 code unit is to the reader of words. */
export const unitClass = {
  /** Not looked at yet. */
  unknown: 0,
  /** Folds to one unit of a word. */
  letter: 1,
  digit: 2,
  space: 3,
  /** Zero-width characters and the like: as if they were not there. */
  nothing: 4,
  /** Half of a pair, or folding to several units: ask `foldFar`. */
  far: 5,
  /** Punctuation and symbols, which part words. */
  parting: 6,
} as const;

/** Code points outside the common ones whose folding is remembered; more than any honest night brings. */
const remembered = 65_536;

/** What is known of characters; learnt as they come. */
export type CharacterTable = {
  classes: Uint8Array;
  /** What a unit of the class `letter` folds to. */
  folded: Uint16Array;
  /** Fills in a unit whose class is unknown, and answers the class. */
  learn(unit: number): number;
  /** The letters that a code point of the class `far` folds to, `0` for digits, a space for what parts words. */
  foldFar(codePoint: number): string;
};

export function createCharacterTable(): CharacterTable {
  const classes = new Uint8Array(0x10000);
  const folded = new Uint16Array(0x10000);
  const far = new Map<number, string>();
  return {
    classes,
    folded,
    learn(unit) {
      const character = fold(unit);
      const surrogate = unit >= 0xd800 && unit < 0xe000;
      folded[unit] = character.text.charCodeAt(0);
      classes[unit] = surrogate ? unitClass.far : classOf(character);
      return classes[unit];
    },
    foldFar(codePoint) {
      const known = far.get(codePoint);
      if (known !== undefined) return known;
      const character = fold(codePoint);
      const kind = classOf(character);
      let text = ' ';
      if (kind === unitClass.letter || kind === unitClass.far) text = character.text;
      else if (kind === unitClass.digit) text = '0';
      else if (kind === unitClass.nothing) text = '';
      if (far.size < remembered) far.set(codePoint, text);
      return text;
    },
  };
}

function classOf({ text, kind }: ReturnType<typeof fold>): number {
  if (kind === 'letter') return text.length === 1 ? unitClass.letter : unitClass.far;
  if (kind === 'digit' || kind === 'space' || kind === 'nothing') return unitClass[kind];
  return unitClass.parting;
}
