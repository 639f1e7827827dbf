import { AppError } from '../domain/app-error.ts';
import { type Listing, maxImageUrls, parseListing } from '../domain/listing.ts';
import { csvRows, separatorOf } from './csv-rows.ts';
import type { SourceRecord } from './fields.ts';
import type { Format } from './format.ts';
import { formats, recogniseFormat } from './formats.ts';
import { jsonRows, ndjsonRows } from './json-rows.ts';
import { lineRows } from './line-rows.ts';
import { type SourceRow, standardMaxRowBytes } from './source-row.ts';

/**
 * A listing of a file, or why a record is none. `line` counts from 1: the line where the record begins in NDJSON and
 * CSV, the record's number in other JSON. `id` is the file's own.
 */
export type IntakeRow =
  | { line: number; id: string | null; listing: Listing }
  | { line: number; id: string | null; problem: string };

export type ReadOptions = {
  /** The clock that dates are held against. */
  now: Date;
  /** Most bytes of one record; default 1 MiB. */
  maxRowBytes?: number;
  /** Takes each line for the text of a listing, whatever it looks like; default false. */
  lines?: boolean;
};

/** Records without a known format, from the start of a file on, after which the file is refused. */
const unknownAtStart = 20;
/** What is looked at to recognise a file. */
const headBytes = 64 * 1024;

/**
 * Reads listings from a file as scrapers and people write them. The format is recognised by content, never by name.
 * Needs the memory of one record, whatever the file's size. A bad record is given as a problem and the next one is
 * read.
 *
 * @throws AppError FORMAT_UNKNOWN or INPUT_COMPRESSED
 */
export async function* readListings(
  source: AsyncIterable<Uint8Array>,
  options: ReadOptions,
): AsyncGenerator<IntakeRow> {
  for await (const rows of readListingBlocks(source, options)) yield* rows;
}

/**
 * The same, with the listings of each piece of the file at once: to wait for every single one takes as long as to read
 * it.
 *
 * @throws AppError FORMAT_UNKNOWN or INPUT_COMPRESSED
 */
export async function* readListingBlocks(
  source: AsyncIterable<Uint8Array>,
  options: ReadOptions,
): AsyncGenerator<IntakeRow[]> {
  const { head, whole } = await peek(source);
  const maxRowBytes = options.maxRowBytes ?? standardMaxRowBytes;
  if (options.lines === true) {
    refuseOthers(head);
    for await (const rows of lineRows(whole, maxRowBytes, (text, line) => ({ line, record: { text } })))
      yield rows.map((row) =>
        'record' in row ? toListing(row.line, null, row.record, options.now) : { id: null, ...row },
      );
    return;
  }
  let format: Format | null = null;
  let unknown: { line: number; record: SourceRecord }[] = [];
  for await (const block of cut(head, whole, maxRowBytes)) {
    const read: IntakeRow[] = [];
    for (const row of block) {
      if (!('record' in row)) {
        read.push({ line: row.line, id: null, problem: row.problem });
        continue;
      }
      // Each record anew, since files of several scrapers are put together; one that fits none is read as its neighbour.
      format = recogniseFormat(row.record) ?? format;
      if (format === null) {
        unknown.push(row);
        if (unknown.length >= unknownAtStart) throw unknownFormat(Object.keys(unknown[0]?.record ?? {}));
        continue;
      }
      for (const { line, record } of unknown) read.push(readRecord(format, record, line, options.now));
      unknown = [];
      for (const record of format.unwrap?.(row.record) ?? [row.record])
        read.push(readRecord(format, record, row.line, options.now));
    }
    yield read;
  }
  const [first] = unknown;
  if (first !== undefined) throw unknownFormat(Object.keys(first.record));
}

function readRecord(format: Format, record: SourceRecord, line: number, now: Date): IntakeRow {
  const { id, imageUrls, text, ...draft } = format.read(record);
  const listing = { ...draft, text: text ?? '', imageUrls: imageUrls.slice(0, maxImageUrls) };
  return toListing(line, id ?? null, listing, now);
}

function toListing(line: number, id: string | null, input: unknown, now: Date): IntakeRow {
  const parsed = parseListing(input, now);
  if (parsed.ok) return { line, id, listing: parsed.listing };
  const problem = parsed.issues.map(({ field, message }) => `${field} ${message}`).join('; ');
  return { line, id, problem };
}

function unknownFormat(fields: readonly string[]): AppError {
  const seen = fields.length === 0 ? 'no field' : `the fields ${fields.slice(0, 8).join(', ')}`;
  const known = formats.map(({ writtenBy }) => writtenBy).join('; ');
  return new AppError(
    'FORMAT_UNKNOWN',
    422,
    `no known format has ${seen}. Known: ${known}. Or rename the column with the text to "text"`,
  );
}

/** Reads the beginning without losing it, even if the source fails in it. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Buffer; whole: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let size = 0;
  let failure: { error: unknown } | null = null;
  while (size < headBytes) {
    const next = await iterator.next().catch((error: unknown) => {
      failure = { error };
      return { done: true as const };
    });
    if (next.done === true) break;
    parts.push(next.value);
    size += next.value.byteLength;
  }
  let head = Buffer.concat(parts);
  if (head.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) head = head.subarray(3);
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      if (head.byteLength > 0) yield head;
      if (failure !== null) throw failure.error;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head, whole: whole() };
}

/** Throws on what is no text in UTF-8. */
function refuseOthers(head: Buffer): void {
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw new AppError(
      'INPUT_COMPRESSED',
      415,
      'the input is gzip, within gzip perhaps; uncompress it first',
    );
  }
  const text = head.toString('utf8');
  // Office documents, PDF, UTF-16, whose byte order mark is no UTF-8, and what begins as no text does.
  if (['PK\u0003\u0004', '%PDF', '\uFFFD\uFFFD', '\u0000'].some((mark) => text.startsWith(mark))) {
    throw new AppError(
      'FORMAT_UNKNOWN',
      422,
      'the input is not text in UTF-8; save it as CSV (UTF-8) or JSON first',
    );
  }
}

function cut(
  head: Buffer,
  whole: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncIterable<SourceRow[]> {
  refuseOthers(head);
  const start = head.toString('utf8').trimStart();
  if (start.startsWith('[')) return jsonRows(whole, maxRowBytes);
  if (start.startsWith('{'))
    return isOneLine(start) ? ndjsonRows(whole, maxRowBytes) : jsonRows(whole, maxRowBytes);
  // Lines of old Macintosh programs end with a carriage return alone.
  const lineEnd = /\r\n|\r|\n/.exec(start)?.[0] === '\r' ? '\r' : '\n';
  const header = start.split(lineEnd, 1)[0] ?? '';
  return csvRows(whole, { separator: separatorOf(header), lineEnd }, maxRowBytes);
}

/** Whether the first object ends on its line, or the line is longer than what we see of it. */
function isOneLine(start: string): boolean {
  const end = start.indexOf('\n');
  if (end === -1) return true;
  const line = start.slice(0, end).trim();
  // A pretty-printed object's first line holds a lone brace or an open field.
  return line.endsWith('}') || line.length > 200;
}
