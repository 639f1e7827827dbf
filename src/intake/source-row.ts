import type { SourceRecord } from './fields.ts';

/** A record cut out of a file, or why what stood there is none. */
export type SourceRow = { line: number; record: SourceRecord } | { line: number; problem: string };

/** Most bytes of one record, so that a hostile file cannot fill memory. */
export const standardMaxRowBytes = 1024 * 1024;

/** The problem of a record over the bound. */
export function tooLong(maxRowBytes: number): string {
  return `the record has more than ${maxRowBytes} bytes; shorten its text`;
}
