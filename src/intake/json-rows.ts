import { isRecord } from './fields.ts';
import { type SourceRow, tooLong } from './source-row.ts';

const byte = {
  newline: 0x0a,
  quote: 0x22,
  backslash: 0x5c,
  openBrace: 0x7b,
  closeBrace: 0x7d,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  comma: 0x2c,
};
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** Collects the bytes of one record up to the bound and forgets the rest. */
function createCollector(maxRowBytes: number) {
  let parts: Uint8Array[] = [];
  let size = 0;
  return {
    add(part: Uint8Array) {
      size += part.byteLength;
      if (size <= maxRowBytes) parts.push(part);
      else parts = [];
    },
    isEmpty: () => size === 0,
    /** The record, or what is wrong with it; starts the next one. */
    take(line: number): SourceRow | null {
      const whole = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      const over = size > maxRowBytes;
      parts = [];
      size = 0;
      return over ? { line, problem: tooLong(maxRowBytes) } : parseRecord(whole, line);
    },
  };
}

function parseRecord(bytes: Uint8Array, line: number): SourceRow | null {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { line, problem: 'the record is not valid UTF-8; save the file as UTF-8' };
  }
  if (text.trim() === '') return null;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value)
      ? { line, record: value }
      : { line, problem: 'the record must be a JSON object with a field "text"' };
  } catch {
    return { line, problem: 'the record is not valid JSON' };
  }
}

/** One JSON object per line; `line` is the line's number. A bad line harms no other. Gives the rows of a piece at once. */
export async function* ndjsonRows(
  source: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<SourceRow[]> {
  const collector = createCollector(maxRowBytes);
  let line = 1;
  for await (const piece of source) {
    const rows: SourceRow[] = [];
    let from = 0;
    for (let end = piece.indexOf(byte.newline); end !== -1; end = piece.indexOf(byte.newline, from)) {
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

/**
 * JSON objects that stand in one array, or one after the other; `line` is the record's number in the file. Cuts
 * them out by their brackets alone, so that a file of any size and depth needs the memory of one record, which no
 * streaming parser promises. Gives the rows of a piece at once.
 */
export async function* jsonRows(
  source: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<SourceRow[]> {
  const collector = createCollector(maxRowBytes);
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
