import { type SourceRow, tooLong } from './source-row.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** What a record's text holds; null for one that is passed over. */
type RecordReader = (text: string, line: number) => SourceRow | null;

/** Collects the bytes of one record, which may come in several pieces, up to the bound and forgets the rest. */
export function createCollector(maxRowBytes: number, read: RecordReader) {
  let parts: Uint8Array[] = [];
  let size = 0;
  return {
    add(part: Uint8Array) {
      size += part.byteLength;
      if (size <= maxRowBytes) parts.push(part);
      else parts = [];
    },
    /** The record, or what is wrong with it; starts the next one. */
    take(line: number): SourceRow | null {
      const [only] = parts;
      const whole = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
      const over = size > maxRowBytes;
      parts = [];
      size = 0;
      if (over) return { line, problem: tooLong(maxRowBytes) };
      let text: string;
      try {
        text = decoder.decode(whole);
      } catch {
        return { line, problem: 'the record is not valid UTF-8; save the file as UTF-8' };
      }
      return text.trim() === '' ? null : read(text, line);
    },
  };
}
