import { createFoldTable, type FoldTable, unitClass } from './fold-table.ts';

/** What a piece is made of. */
export const pieceKind = { letters: 0, digits: 1, mixed: 2, symbol: 3 } as const;
/** What parts a piece from the one before it: nothing, a breaker, one space, or more. */
export const pieceGap = { none: 0, breaker: 1, space: 2, far: 3 } as const;

/**
 * The pieces of a text: runs of folded letters and digits, and single symbols. Piece i stands for
 * `[starts[i], ends[i])` of the text and reads `folded[from[i]]` up to `folded[to[i]]`, which neighbours continue
 * without a gap. Typed arrays that the next text overwrites: they are longer than `count`.
 */
export type Pieces = {
  count: number;
  starts: Int32Array;
  ends: Int32Array;
  from: Int32Array;
  to: Int32Array;
  kinds: Uint8Array;
  gaps: Uint8Array;
  folded: Uint16Array;
};

/** Longest piece; the rest of a longer one is a piece of its own, which keeps features linear. */
export const maxPieceLength = 64;

const firstCapacity = 4_096;

function makeRoom(capacity: number): Pieces {
  return {
    count: 0,
    starts: new Int32Array(capacity),
    ends: new Int32Array(capacity),
    from: new Int32Array(capacity),
    to: new Int32Array(capacity),
    kinds: new Uint8Array(capacity),
    gaps: new Uint8Array(capacity),
    folded: new Uint16Array(capacity),
  };
}

/**
 * Makes the function that reads a text as pieces. A loop over typed arrays: reading a string unit by unit is five times
 * slower once any class in the process extends String, and pieces as objects were most of the garbage. Linear in the
 * text's length; takes any string.
 */
export function createPieceReader(): (text: string) => Pieces {
  const table = createFoldTable();
  let units = new Uint16Array(firstCapacity);
  let bytes = Buffer.from(units.buffer);
  let pieces = makeRoom(firstCapacity);

  return (text) => {
    if (text.length > units.length) {
      units = new Uint16Array(2 * text.length);
      bytes = Buffer.from(units.buffer);
      pieces = makeRoom(2 * text.length);
    }
    bytes.write(text, 'utf16le');
    readUnits(units, text.length, pieces, table);
    return pieces;
  };
}

/** One loop without inner functions, whose shared variables would live outside the processor's registers. */
function readUnits(units: Uint16Array, length: number, pieces: Pieces, table: FoldTable): void {
  const { starts, ends, from, to, kinds, gaps } = pieces;
  const { classes, folded: foldedUnits } = table;
  let { folded } = pieces;
  let count = 0;
  /** Where the next folded unit goes. */
  let next = 0;
  /** Whether the last piece may go on. */
  let open = false;
  let gap: number = pieceGap.far;

  for (let at = 0; at < length; ) {
    const start = at;
    const unit = units[at] ?? 0;
    let known = classes[unit] ?? 0;
    at += 1;
    if (known === unitClass.unknown) known = table.learn(unit);
    let value = foldedUnits[unit] ?? 0;
    let added = 1;
    let kind = kindOfClass[known] ?? notInPiece;
    if (known === unitClass.other) {
      const low = units[at] ?? 0;
      const pair = at < length && isPair(unit, low);
      if (pair) at += 1;
      const character = table.fold(pair ? codePointOf(unit, low) : unit);
      known = character.unitClass;
      value = character.text.charCodeAt(0);
      kind = kindOfClass[known] ?? notInPiece;
      if (known === unitClass.other) {
        added = character.text.length;
        folded = withRoom(folded, next + added + length - at);
        for (let index = 0; index < added; index += 1)
          folded[next + index] = character.text.charCodeAt(index);
        value = folded[next] ?? 0;
        kind = kindOfName[character.kind];
        open &&= kind !== pieceKind.symbol;
      }
    }
    if (kind === notInPiece || (known === unitClass.leet && !open)) {
      if (known === unitClass.nothing) continue;
      open = false;
      gap = gap === pieceGap.none ? gapOfClass(known) : pieceGap.far;
      continue;
    }
    folded[next] = value;
    if (open && next - (from[count - 1] ?? 0) < maxPieceLength) {
      if (kinds[count - 1] !== kind) kinds[count - 1] = pieceKind.mixed;
    } else {
      starts[count] = start;
      from[count] = next;
      kinds[count] = kind;
      gaps[count] = gap;
      count += 1;
    }
    next += added;
    if (known === unitClass.letter) {
      // The rest of a run of plain letters, which is what most of a text is.
      const most = (from[count - 1] ?? 0) + maxPieceLength;
      for (; at < length && next < most; at += 1, next += 1) {
        const following = units[at] ?? 0;
        if (classes[following] !== unitClass.letter) break;
        folded[next] = foldedUnits[following] ?? 0;
      }
    }
    ends[count - 1] = at;
    to[count - 1] = next;
    open = kind !== pieceKind.symbol;
    gap = pieceGap.none;
  }
  pieces.count = count;
  pieces.folded = folded;
}

/** The units, or a larger copy where they are fewer than `needed`. */
function withRoom(units: Uint16Array, needed: number): Uint16Array {
  if (needed <= units.length) return units;
  const larger = new Uint16Array(2 * needed);
  larger.set(units);
  return larger;
}

const notInPiece = 255;
/** The kind of piece that a unit of each class makes, by class. */
const kindOfClass = new Uint8Array(16).fill(notInPiece);
kindOfClass[unitClass.letter] = pieceKind.letters;
kindOfClass[unitClass.digit] = pieceKind.digits;
kindOfClass[unitClass.leet] = pieceKind.mixed;

function gapOfClass(known: number): number {
  if (known === unitClass.space) return pieceGap.space;
  return known === unitClass.breaker ? pieceGap.breaker : pieceGap.far;
}

/** Of the characters that are written unit by unit; the others are never of that class. */
const kindOfName = {
  letter: pieceKind.letters,
  digit: pieceKind.digits,
  symbol: pieceKind.symbol,
  mark: pieceKind.mixed,
  space: pieceKind.mixed,
  nothing: pieceKind.mixed,
};

function isPair(high: number, low: number): boolean {
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

function codePointOf(high: number, low: number): number {
  return ((high - 0xd800) << 10) + (low - 0xdc00) + 0x10000;
}
