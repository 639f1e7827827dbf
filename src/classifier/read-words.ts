import { createFolder, type FoldedCharacter } from './fold-character.ts';

/**
 * A word as the classifier reads it, with the stretch `[start, end)` of the original text it stands for, in UTF-16
 * code units.
 */
type Word = { text: string; start: number; end: number };

/** Digits and signs that stand for letters inside words. */
const leet: Record<string, string> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '6': 'g',
  '7': 't',
  '8': 'b',
  '9': 'g',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'l',
  '€': 'e',
};
/** Signs that sellers put inside words to break them; a word goes on across one of them. */
const breakers = new Set(['.', '-', '_', '*', "'", '’', '·', '•', '~', '+', '/', ',']);
/** Longest word read as one; the rest of a longer one is a word of its own, which keeps features linear. */
const maxWordLength = 64;
/** Amounts: 25k, 35rb, 1,2jt, 100kg, 200pcs, 2xl, 90an. */
const amount =
  /^(?:rp|idr)?(\d+)(k|rb|ribu|jt|juta|kg|kilo|pcs|pc|cm|gr|gb|ml|x|an|s|m|l|xl|xxl|th|an|hr|hari|bln|%|ac)?$/;
const phoneDigits = 9;

type Piece = { text: string; start: number; end: number; kind: 'letters' | 'digits' | 'mixed' | 'symbol' };

export type WordReader = (text: string) => Word[];

/** Pieces whose word is remembered; the bound keeps hostile text from filling memory. */
const rememberedPieces = 32_768;

/**
 * Makes the function that reads a text as words: folded, with broken words joined ("b a l", "t.h.r.i.f.t"), leet
 * resolved inside words, repeated letters squeezed, amounts and phone numbers as classes, and every emoji as a word
 * of its own. Linear in the text's length; takes any string.
 */
export function createWordReader(): WordReader {
  const fold = createFolder();
  const known = new Map<string, string>();

  function remember(piece: Piece): string {
    const remembered = known.get(piece.text);
    if (remembered !== undefined) return remembered;
    const word = wordOf(piece);
    if (known.size >= rememberedPieces) known.clear();
    known.set(piece.text, word);
    return word;
  }

  return (text) =>
    joinSpelled(readPieces(text, fold)).map((piece) => ({
      text: remember(piece),
      start: piece.start,
      end: piece.end,
    }));
}

/** Gap between two neighbours: nothing between them, a breaker, one space, or more. */
type Gap = 'none' | 'breaker' | 'space' | 'far';
type Spaced = Piece & { gap: Gap };

function readPieces(text: string, fold: (codePoint: number) => FoldedCharacter): Spaced[] {
  // A typed array: reading a string unit by unit is five times slower once any class in the process extends String.
  const units = new Uint16Array(text.length);
  Buffer.from(units.buffer).write(text, 'utf16le');
  const pieces: Spaced[] = [];
  let open: Spaced | null = null;
  let gap: Gap = 'far';
  for (let at = 0; at < units.length; ) {
    const unit = units[at] ?? 0;
    const low = units[at + 1] ?? 0;
    const pair = unit >= 0xd800 && unit < 0xdc00 && low >= 0xdc00 && low < 0xe000;
    const size = pair ? 2 : 1;
    const folded = fold(pair ? ((unit - 0xd800) << 10) + (low - 0xdc00) + 0x10000 : unit);
    const end = at + size;
    if (
      folded.kind === 'letter' ||
      folded.kind === 'digit' ||
      (open !== null && folded.text in leet && folded.kind === 'mark')
    ) {
      const kind = folded.kind === 'letter' ? 'letters' : folded.kind === 'digit' ? 'digits' : 'mixed';
      if (open === null || open.text.length >= maxWordLength) {
        open = { text: folded.text, start: at, end, kind, gap };
        pieces.push(open);
      } else {
        open.text += folded.text;
        open.end = end;
        if (open.kind !== kind) open.kind = 'mixed';
      }
      gap = 'none';
    } else if (folded.kind === 'symbol') {
      pieces.push({ text: folded.text, start: at, end, kind: 'symbol', gap });
      open = null;
      gap = 'none';
    } else if (folded.kind !== 'nothing') {
      open = null;
      const between: Gap = folded.kind === 'space' ? 'space' : breakers.has(folded.text) ? 'breaker' : 'far';
      gap = gap === 'none' ? between : 'far';
    }
    at = end;
  }
  return pieces;
}

/** Whether two neighbours are one word that somebody took apart. */
function belongs(left: Spaced, right: Spaced, spelled: boolean): boolean {
  if (
    right.kind === 'symbol' ||
    left.kind === 'symbol' ||
    right.kind === 'digits' ||
    left.kind === 'digits'
  ) {
    return (
      spelled &&
      right.gap !== 'far' &&
      right.text.length === 1 &&
      left.text.length === 1 &&
      right.kind === 'digits' &&
      left.kind === 'letters'
    );
  }
  if (right.gap === 'breaker')
    return (
      (left.text.length <= 2 || right.text.length <= 2) &&
      left.text.length + right.text.length <= maxWordLength
    );
  return spelled && right.gap === 'space' && right.text.length === 1;
}

function joinSpelled(pieces: readonly Spaced[]): Piece[] {
  const joined: Piece[] = [];
  for (let at = 0; at < pieces.length; ) {
    const first = pieces[at];
    if (first === undefined) break;
    let end = at + 1;
    // Single letters in a row are a spelled word only from three on: "a i" may be anything.
    const run = spelledRun(pieces, at);
    if (run >= 3) end = at + run;
    else {
      for (let left = first; end < pieces.length; end += 1) {
        const right = pieces[end];
        if (right === undefined || right.gap !== 'breaker' || !belongs(left, right, false)) break;
        left = { ...right, text: left.text + right.text };
      }
    }
    const last = pieces[end - 1] ?? first;
    if (end === at + 1) joined.push(first);
    else {
      const text = pieces
        .slice(at, end)
        .map((piece) => piece.text)
        .join('');
      joined.push({ text, start: first.start, end: last.end, kind: 'mixed' });
    }
    at = end;
  }
  return joined;
}

function spelledRun(pieces: readonly Spaced[], from: number): number {
  let length = 1;
  const first = pieces[from];
  if (first === undefined || first.text.length !== 1 || first.kind === 'symbol' || first.kind === 'digits')
    return 1;
  let left = first;
  while (length < maxWordLength) {
    const right = pieces[from + length];
    if (right === undefined || right.text.length !== 1 || right.gap === 'far' || !belongs(left, right, true))
      break;
    left = { ...right, kind: right.kind === 'digits' ? 'letters' : right.kind };
    length += 1;
  }
  return length;
}

function wordOf({ text, kind }: Piece): string {
  if (kind === 'letters') return squeeze(text);
  if (kind === 'symbol') return text;
  const counted = amount.exec(text);
  if (counted !== null) return amountClass(counted[1] ?? '', counted[2] ?? '');
  return /\p{L}/u.test(text) ? squeeze(resolveLeet(text)) : '#';
}

function amountClass(number: string, unit: string): string {
  if (number.length >= phoneDigits) return '#phone';
  if (unit === 'k' || unit === 'rb' || unit === 'ribu') return number.length <= 2 ? '#cheap' : '#price';
  if (unit === 'jt' || unit === 'juta') return '#million';
  return `#${Math.min(number.length, 7)}${unit}`;
}

function resolveLeet(text: string): string {
  let resolved = '';
  for (const character of text) resolved += leet[character] ?? character;
  return resolved;
}

const doubled = /(.)\1+/su;
const everyDoubled = new RegExp(doubled, 'gsu');

/** Every run of one letter as one: "ballpresss" and "balpres" are the same word, and no Indonesian word suffers. */
function squeeze(text: string): string {
  return doubled.test(text) ? text.replace(everyDoubled, '$1') : text;
}
