import { maxPieceLength, type Pieces, pieceGap, pieceKind } from './read-pieces.ts';

/** Single letters in a row are a spelled word only from three on: "a i" may be anything. */
const leastSpelled = 3;
/** Longest piece that was broken off a word, rather than being a word itself. */
const longestBrokenOff = 2;

/** Joins, in place, the pieces that are one word which somebody took apart: "b a l", "t.h.r.i.f.t", "im-port". */
export function joinPieces(pieces: Pieces): void {
  const { starts, ends, from, to, kinds, count } = pieces;
  let joined = 0;
  for (let at = 0; at < count; ) {
    const spelled = spelledRun(pieces, at);
    const length = spelled >= leastSpelled ? spelled : brokenRun(pieces, at);
    const last = at + length - 1;
    starts[joined] = starts[at] ?? 0;
    from[joined] = from[at] ?? 0;
    kinds[joined] = length === 1 ? (kinds[at] ?? 0) : pieceKind.mixed;
    ends[joined] = ends[last] ?? 0;
    to[joined] = to[last] ?? 0;
    joined += 1;
    at += length;
  }
  pieces.count = joined;
}

function lengthOf({ from, to }: Pieces, at: number): number {
  return (to[at] ?? 0) - (from[at] ?? 0);
}

/** How many pieces from here on are single letters of one word, apart by at most a space or a breaker each. */
function spelledRun(pieces: Pieces, first: number): number {
  const { kinds, gaps, count } = pieces;
  const firstKind = kinds[first];
  if (lengthOf(pieces, first) !== 1 || firstKind === pieceKind.symbol || firstKind === pieceKind.digits)
    return 1;
  let length = 1;
  let letters = firstKind === pieceKind.letters;
  for (let at = first + 1; at < count && length < maxPieceLength; at += 1, length += 1) {
    const gap = gaps[at];
    const kind = kinds[at];
    if (lengthOf(pieces, at) !== 1 || gap === pieceGap.far || kind === pieceKind.symbol) break;
    // A digit may stand for a letter, but only after one.
    if (kind === pieceKind.digits ? !letters : gap === pieceGap.none) break;
    letters = kind !== pieceKind.mixed;
  }
  return length;
}

/** How many pieces from here on are one word with breakers in it: next to each breaker stands a very short piece. */
function brokenRun(pieces: Pieces, first: number): number {
  const { kinds, gaps, count } = pieces;
  let length = lengthOf(pieces, first);
  let kind = kinds[first];
  let at = first + 1;
  for (; at < count && gaps[at] === pieceGap.breaker; at += 1) {
    if (kind === pieceKind.symbol || kind === pieceKind.digits) break;
    kind = kinds[at];
    if (kind === pieceKind.symbol || kind === pieceKind.digits) break;
    const more = lengthOf(pieces, at);
    if (length > longestBrokenOff && more > longestBrokenOff) break;
    if (length + more > maxPieceLength) break;
    length += more;
  }
  return at - first;
}
