import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Stringifier, stringify } from 'csv-stringify';

export const resultFormats = ['ndjson', 'csv'] as const;
export type ResultFormat = (typeof resultFormats)[number];

/** Where result rows go. A file appears under its name only when it is whole. */
export type ResultWriter = {
  write(rows: readonly Record<string, string | number>[]): Promise<void>;
  /** Ends the results and gives the file its name. */
  close(): Promise<void>;
  /** Throws away a file that is not whole. */
  discard(): Promise<void>;
};

/**
 * Writes rows as NDJSON or CSV to a file, or to standard output when there is none. CSV cells that a spreadsheet
 * would run as a formula get a leading quote (OWASP, CSV Injection).
 */
export function openResultWriter(options: {
  file: string | null;
  format: ResultFormat;
  columns: string[];
}): ResultWriter {
  const part = options.file === null ? null : `${options.file}.part`;
  const output: Writable = part === null ? process.stdout : createWriteStream(part);
  const csv: Stringifier | null =
    options.format === 'csv'
      ? stringify({ header: true, columns: options.columns, escape_formulas: true })
      : null;
  csv?.pipe(output, { end: part !== null });
  const target: Writable = csv ?? output;
  // Without this, a full disk or a closed pipe would end the process before anyone could say so.
  let failure: Error | null = null;
  output.on('error', (error) => {
    failure = error;
    csv?.destroy(error);
  });

  async function push(chunk: unknown): Promise<void> {
    if (failure !== null) throw failure;
    if (target.write(chunk)) return;
    const waiting = new AbortController();
    const { signal } = waiting;
    const turns = ['drain', 'close'].map((event) => once(target, event, { signal }).catch(() => undefined));
    await Promise.race(turns);
    waiting.abort(); // or the one that did not come would wait for ever
    if (failure !== null) throw failure;
  }

  return {
    async write(rows) {
      if (csv === null) await push(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      else for (const row of rows) await push(row);
    },
    async close() {
      if (csv !== null) {
        csv.end();
        await (part === null ? once(csv, 'end') : finished(output));
      } else if (part !== null) {
        output.end();
        await finished(output);
      }
      if (failure !== null) throw failure;
      if (part !== null && options.file !== null) await rename(part, options.file);
    },
    async discard() {
      if (part === null) return;
      output.destroy();
      await rm(part, { force: true });
    },
  };
}
