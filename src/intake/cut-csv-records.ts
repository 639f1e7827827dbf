const quote = 0x22;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** A record over the bound: the lines that it took, and whether it went on to the end for want of a quote. */
export type CsvLeftOut = { lines: number; quoteOpen: boolean };
/** Whole records of a CSV file, or one that is left out. */
type CsvPiece = { bytes: Uint8Array } | { leftOut: CsvLeftOut };

/** What parts the cells and the records of a file, each one ASCII character. */
export type CsvForm = { separator: string; lineEnd: '\n' | '\r' };

/**
 * Cuts a CSV file where its records end, so that one over the bound can be left out and the rest be read on. Needs the
 * memory of one record.
 *
 * @param maxRecordBytes most bytes of one record with its line's end
 */
export async function* cutCsvRecords(
  source: AsyncIterable<Uint8Array>,
  { separator, lineEnd }: CsvForm,
  maxRecordBytes: number,
): AsyncGenerator<CsvPiece> {
  const lineEndByte = lineEnd.charCodeAt(0);
  const scanner = createScanner(separator.charCodeAt(0), lineEndByte);
  /** What has come of a record whose end has not. */
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let leftOut = false;
  /** Lines that have ended in the present record. */
  let lines = 0;
  let place = 0;

  for await (const piece of source) {
    let given = 0;
    let recordStart = 0;
    for (let at = 0; at < piece.length; at += 1, place += 1) {
      const byte = piece[at] ?? 0;
      if (place < byteOrderMark.length && byte === byteOrderMark[place]) continue;
      const ends = scanner.endsAt(byte);
      if (byte === lineEndByte) lines += 1;
      if (!ends) continue;
      const end = at + 1;
      if (leftOut || heldBytes + end - recordStart > maxRecordBytes) {
        if (recordStart > given) yield { bytes: piece.subarray(given, recordStart) };
        yield { leftOut: { lines, quoteOpen: false } };
        given = end;
      } else if (heldBytes > 0) {
        yield { bytes: Buffer.concat([...held, piece.subarray(0, end)]) };
        given = end;
      }
      held = [];
      heldBytes = 0;
      leftOut = false;
      lines = 0;
      recordStart = end;
    }
    if (recordStart > given) yield { bytes: piece.subarray(given, recordStart) };
    const rest = piece.subarray(recordStart);
    leftOut ||= heldBytes + rest.length > maxRecordBytes;
    if (leftOut) held = [];
    else if (rest.length > 0) held.push(rest);
    heldBytes = leftOut ? 0 : heldBytes + rest.length;
  }
  if (leftOut) yield { leftOut: { lines: lines + 1, quoteOpen: scanner.isQuoted() } };
  else if (heldBytes > 0) yield { bytes: Buffer.concat(held) };
}

/**
 * Tells byte by byte where a record ends: at a line's end outside quotes. A field is quoted where its first byte is a quote,
 * up to a quote that a separator or a line's end follows (RFC 4180; others in between are taken for text, as csv-parse does).
 */
function createScanner(separator: number, lineEnd: number) {
  let atFieldStart = true;
  let quoted = false;
  /** A quote in a quoted field, whose meaning the next byte tells. */
  let quoteBefore = false;
  return {
    endsAt(byte: number): boolean {
      if (quoteBefore) {
        quoteBefore = false;
        if (byte === quote) return false;
        quoted = byte !== separator && byte !== carriageReturn && byte !== lineFeed;
      } else if (quoted && byte === quote) {
        quoteBefore = true;
        return false;
      }
      if (quoted) return false;
      quoted = byte === quote && atFieldStart;
      atFieldStart = byte === separator || byte === lineEnd;
      return byte === lineEnd;
    },
    isQuoted: () => quoted && !quoteBefore,
  };
}
