import { randomUUID } from 'node:crypto';
import { finished } from 'node:stream/promises';
import { CsvError, type InfoRecord, parse } from 'csv-parse';
import { type CsvForm, type CsvLeftOut, cutCsvRecords } from './cut-csv-records.ts';
import { type SourceRow, tooLong } from './source-row.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** What a column may be called for a line in the middle to be taken for a header. */
const word = /^[A-Za-z_][\w./-]*$/;

/** The separator that stands most often in the header line, outside quotes. */
export function separatorOf(header: string): ',' | ';' | '\t' {
  const bare = header.replace(/"[^"]*"/g, '');
  const count = (separator: string) => bare.split(separator).length;
  const separators = [',', ';', '\t'] as const;
  return separators.reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

/**
 * Records of a CSV file with a header, which may change on the way; `line` is the line where the record begins. One over the
 * bound is a problem, and what follows it is read. A quote that is never closed ends the file: everything before it is given,
 * and one problem names the line. Gives the rows of a piece at once.
 */
export async function* csvRows(
  source: AsyncIterable<Uint8Array>,
  form: CsvForm,
  maxRowBytes: number,
): AsyncGenerator<SourceRow[]> {
  let waiting: { record: readonly unknown[]; lines: number }[] = [];
  let failure: unknown = null;
  const parser = parse({
    bom: true,
    delimiter: form.separator,
    encoding: null,
    record_delimiter: form.lineEnd === '\r' ? ['\r'] : ['\r\n', '\n'],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // Taken here and not from the stream, which throws away what it holds when a later record is broken.
    on_record(record: readonly unknown[], { lines }: InfoRecord) {
      waiting.push({ record, lines });
      return null;
    },
  });
  parser.on('error', (error) => {
    failure ??= error;
  });
  parser.resume();
  let header: string[] | null = null;
  let line = 1;
  /** Lines of records that the parser has not seen. */
  let linesLeftOut = 0;
  /** The one cell of a record that stands for one left out; nobody who writes a file can know it. */
  const standIn = randomUUID();
  const leftOut: CsvLeftOut[] = [];

  function take(): SourceRow[] {
    const records = waiting;
    const rows: SourceRow[] = [];
    waiting = [];
    for (const { record, lines } of records) {
      // `lines` is where the record ends; the next one begins after it.
      const begins = line;
      line = lines + linesLeftOut + 1;
      const cells = decode(record);
      const gap = cells?.[0] === standIn ? leftOut.shift() : undefined;
      if (gap !== undefined) {
        const closing = gap.quoteOpen ? ', or close its quote; nothing after it could be read' : '';
        rows.push({ line: begins, problem: `${tooLong(maxRowBytes)}${closing}` });
        linesLeftOut += gap.lines - 1;
        line += gap.lines - 1;
      } else if (cells === null)
        rows.push({ line: begins, problem: 'the row is not valid UTF-8; save the file as UTF-8' });
      else if (header === null || isHeader(cells, header)) header = cells.map((name) => name.trim());
      else rows.push(toRow(header, cells, begins));
    }
    return rows;
  }

  for await (const piece of cutCsvRecords(source, form, maxRowBytes)) {
    // The parser gives records later than they come, so what was left out must keep its place among them.
    if ('leftOut' in piece) leftOut.push(piece.leftOut);
    const bytes = 'leftOut' in piece ? Buffer.from(`${standIn}${form.lineEnd}`) : piece.bytes;
    await new Promise<void>((resolve) => parser.write(bytes, () => resolve()));
    yield take();
    if (failure !== null) break;
  }
  if (failure === null) {
    parser.end();
    await finished(parser).catch((error: unknown) => {
      failure ??= error;
    });
    yield take();
  }
  if (failure === null) return;
  if (!(failure instanceof CsvError)) throw failure;
  yield [{ line, problem: explain(failure) }];
}

/** With `encoding: null` cells are bytes, whatever csv-parse's types say. */
function decode(record: readonly unknown[]): string[] | null {
  try {
    return record.map((cell) => (cell instanceof Uint8Array ? decoder.decode(cell) : String(cell)));
  } catch {
    return null;
  }
}

/**
 * Whether a line in the middle names columns anew, as it does where files were put together: distinct words, most of
 * which are names of the present columns, in whatever order.
 */
function isHeader(cells: readonly string[], header: readonly string[]): boolean {
  // A glance first, since this is asked of every line: a header of whose first three names none is known goes for a row.
  if (!cells.slice(0, 3).some((cell) => header.includes(cell.trim()))) return false;
  const names = new Set(cells.map((cell) => cell.trim()));
  const known = header.filter((name) => names.has(name)).length;
  return (
    names.size === cells.length && known > cells.length / 2 && [...names].every((name) => word.test(name))
  );
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

function explain(error: CsvError): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED')
    return 'a quote opened here is never closed; nothing after it could be read';
  return `the row cannot be read (${error.code}); nothing after it could be read`;
}
