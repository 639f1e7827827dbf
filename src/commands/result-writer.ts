import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Where results go. A file appears under its name only when it is whole. */
export type ResultWriter = {
  write(results: Uint8Array | string): Promise<void>;
  /** Ends the results and gives the file its name. */
  close(): Promise<void>;
  /** Throws away a file that is not whole. */
  discard(): Promise<void>;
};

/** Writes results to a file, or to standard output when there is none. */
export function openResultWriter(file: string | null): ResultWriter {
  const part = file === null ? null : `${file}.part`;
  const output: Writable = part === null ? process.stdout : createWriteStream(part);
  // Without this, a full disk or a closed pipe would end the process before anyone could say so.
  let failure: Error | null = null;
  output.on('error', (error) => {
    failure = error;
  });

  return {
    async write(results) {
      if (failure !== null) throw failure;
      if (results.length === 0 || output.write(results)) return;
      const waiting = new AbortController();
      const { signal } = waiting;
      const turns = ['drain', 'close'].map((event) => once(output, event, { signal }).catch(() => undefined));
      await Promise.race(turns);
      waiting.abort(); // or the one that did not come would wait for ever
      if (failure !== null) throw failure;
    },
    async close() {
      if (part !== null) {
        output.end();
        await finished(output);
      }
      if (failure !== null) throw failure;
      if (part !== null && file !== null) await rename(part, file);
    },
    async discard() {
      if (part === null) return;
      output.destroy();
      await rm(part, { force: true });
    },
  };
}
