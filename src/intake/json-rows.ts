import { createCollector } from './collect-record.ts';
import { isRecord } from './fields.ts';
import { lineRows } from './line-rows.ts';
import type { SourceRow } from './source-row.ts';

const byte = {
  quote: 0x22,
  backslash: 0x5c,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  comma: 0x2c,
};
function parseRecord(text: string, line: number): SourceRow {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value)
      ? { line, record: value }
      : { line, problem: 'the record must be a JSON object with a field "text"' };
  } catch {
    return { line, problem: 'the record is not valid JSON' };
  }
}

/** One JSON object per line: see lineRows. */
export function ndjsonRows(
  source: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<SourceRow[]> {
  return lineRows(source, maxRowBytes, parseRecord);
}

/**
 * JSON objects that stand in one array, or one after the other; `line` is the record's number in the file. Cuts
 * them out by their brackets alone, so that a file of any size and depth needs the memory of one record, which no
 * streaming parser promises. Gives the rows of a piece at once.
 */
export async function* jsonRows(
  source: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<SourceRow[]> {
  const collector = createCollector(maxRowBytes, parseRecord);
  let number = 1;
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** Depth at which a record begins: inside the outer array, or at the top. */
  let top = -1;
  for await (const piece of source) {
    const rows: SourceRow[] = [];
    let from = 0;
    for (let at = 0; at < piece.byteLength; at += 1) {
      const unit = piece[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (unit === byte.backslash) escaped = true;
        else if (unit === byte.quote) inString = false;
        continue;
      }
      if (unit === byte.quote) inString = true;
      else if (unit === byte.openBrace || unit === byte.openBracket) {
        if (top === -1) {
          top = unit === byte.openBracket ? 1 : 0;
          depth = unit === byte.openBracket ? 1 : 0;
          from = at + (unit === byte.openBracket ? 1 : 0);
          if (unit === byte.openBracket) continue;
        }
        depth += 1;
      } else if (unit === byte.closeBrace || unit === byte.closeBracket) {
        depth -= 1;
        if (depth === top) {
          collector.add(piece.subarray(from, at + 1));
          from = at + 1;
          const row = collector.take(number);
          if (row !== null) rows.push(row);
          number += 1;
        } else if (depth < top) {
          const rest = collector.take(number);
          if (rest !== null && !('record' in rest)) rows.push(rest);
          yield rows;
          return;
        }
      } else if (unit === byte.comma && depth === top) from = collectBetween(collector, piece, from, at);
    }
    if (from < piece.byteLength && top !== -1) collector.add(piece.subarray(from));
    yield rows;
  }
  if (depth > 0)
    yield [{ line: number, problem: 'the file ends in the middle of this record; it was cut off' }];
}

/** Throws away the comma between two records, and whatever stood before it that was no object. */
function collectBetween(
  collector: ReturnType<typeof createCollector>,
  piece: Uint8Array,
  from: number,
  comma: number,
): number {
  collector.add(piece.subarray(from, comma));
  collector.take(0);
  return comma + 1;
}
