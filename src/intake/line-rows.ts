import { createCollector } from './collect-record.ts';
import type { SourceRow } from './source-row.ts';

const newline = 0x0a;

/**
 * Records of one line each; `line` is the line's number. Empty lines are passed over, and a bad line harms no other.
 * Gives the rows of a piece at once.
 */
export async function* lineRows(
  source: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
  read: (text: string, line: number) => SourceRow,
): AsyncGenerator<SourceRow[]> {
  const collector = createCollector(maxRowBytes, read);
  let line = 1;
  for await (const piece of source) {
    const rows: SourceRow[] = [];
    let from = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, from)) {
      collector.add(piece.subarray(from, end));
      from = end + 1;
      const row = collector.take(line);
      if (row !== null) rows.push(row);
      line += 1;
    }
    if (from < piece.byteLength) collector.add(piece.subarray(from));
    yield rows;
  }
  const last = collector.take(line);
  if (last !== null) yield [last];
}
