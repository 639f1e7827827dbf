import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { type SourceRow, tooLong } from './source-row.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** The separator that stands most often in the header line, outside quotes. */
export function separatorOf(header: string): ',' | ';' | '\t' {
  const bare = header.replace(/"[^"]*"/g, '');
  const count = (separator: string) => bare.split(separator).length;
  const separators = [',', ';', '\t'] as const;
  return separators.reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

/**
 * Records of a CSV file with a header; `line` is the line where the record begins. A quote that is never closed, or
 * a record over the bound, ends the file: everything before it is given, and one problem names the line.
 */
export async function* csvRows(
  source: AsyncIterable<Uint8Array>,
  separator: string,
  maxRowBytes: number,
): AsyncGenerator<SourceRow> {
  const parser = parse({
    bom: true,
    delimiter: separator,
    encoding: null,
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: maxRowBytes,
  });
  const piped = Readable.from(source, { objectMode: false })
    .on('error', (error) => parser.destroy(error))
    .pipe(parser);
  let header: string[] | null = null;
  let line = 1;
  try {
    for await (const { record, info } of piped as AsyncIterable<{
      record: Buffer[];
      info: { lines: number };
    }>) {
      // `info.lines` is the line where the record ends; the next one begins after it.
      const begins = line;
      line = info.lines + 1;
      const cells = decode(record);
      if (cells === null)
        yield { line: begins, problem: 'the row is not valid UTF-8; save the file as UTF-8' };
      else if (header === null) header = cells.map((name) => name.trim());
      else yield toRow(header, cells, begins);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    yield { line, problem: explain(error, maxRowBytes) };
  }
}

function decode(record: readonly Buffer[]): string[] | null {
  try {
    return record.map((cell) => decoder.decode(cell));
  } catch {
    return null;
  }
}

function toRow(header: readonly string[], cells: readonly string[], line: number): SourceRow {
  if (cells.length !== header.length) {
    return {
      line,
      problem: `the row has ${cells.length} columns and the header ${header.length}; check its quotes and separators`,
    };
  }
  // An empty cell is an unknown value, not an empty one; but an empty text must be seen as such.
  return { line, record: Object.fromEntries(header.map((name, index) => [name, cells[index]])) };
}

function explain(error: CsvError, maxRowBytes: number): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED')
    return 'a quote opened here is never closed; nothing after it could be read';
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return `${tooLong(maxRowBytes)}, or close its quote; nothing after it could be read`;
  return `the row cannot be read (${error.code}); nothing after it could be read`;
}
