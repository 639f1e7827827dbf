/** How far a reading is from what is written. */
export type ReadingErrors = {
  /** Words that are there. */
  words: number;
  /** Of them, how many were read. */
  found: number;
  /** Words read that are not there. */
  invented: number;
  /** Characters that are there, and how many must be put in, taken out or changed to come from one to the other. */
  characters: number;
  wrongCharacters: number;
};

/** Compares what was read with what is written, without regard to case, line breaks and marks around words. */
export function readingErrors(read: string, written: string): ReadingErrors {
  const expected = wordsOf(written);
  const left = wordsOf(read);
  const all = left.join(' ');
  let found = 0;
  for (const word of expected) {
    const at = left.indexOf(word);
    if (at < 0) continue;
    found += 1;
    left.splice(at, 1);
  }
  const target = expected.join(' ');
  return {
    words: expected.length,
    found,
    invented: left.length,
    characters: target.length,
    wrongCharacters: editDistance(all, target),
  };
}

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}%.]+/u)
    .map((word) => word.replace(/^\.+|\.+$/g, ''))
    .filter((word) => word !== '');
}

/** Levenshtein's distance, a row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let y = 1; y <= from.length; y += 1) {
    const next = [y];
    for (let x = 1; x <= to.length; x += 1) {
      const changed = (row[x - 1] ?? 0) + (from[y - 1] === to[x - 1] ? 0 : 1);
      next.push(Math.min((row[x] ?? 0) + 1, (next[x - 1] ?? 0) + 1, changed));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
