/** A stretch of a text. */
export type Part = { start: number; end: number; text: string };

const mostUnits = 200;

/**
 * Where a text differs from another: the shortest stretch of whole words outside which both are the same, cut after
 * 200 units; empty where it only lacks something. Null where the texts are the same.
 */
export function differingPart(text: string, other: string): Part | null {
  if (text === other) return null;
  const most = Math.min(text.length, other.length);
  let start = 0;
  while (start < most && text[start] === other[start]) start += 1;
  let same = 0;
  while (same < most - start && text[text.length - 1 - same] === other[other.length - 1 - same]) same += 1;
  let end = text.length - same;
  while (start > 0 && isWord(text, start - 1)) start -= 1;
  while (end < text.length && isWord(text, end)) end += 1;
  const shown = Math.min(end, start + mostUnits);
  return { start, end: shown, text: text.slice(start, shown).toWellFormed() };
}

function isWord(text: string, at: number): boolean {
  return /\S/.test(text[at] ?? ' ');
}
