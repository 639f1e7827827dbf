import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireFaketime } from './find-binary.ts';

/** A clock of its own for the processes that are started with `env`. */
export type FalseClock = {
  env: Record<string, string>;
  /** Tells the processes a time so many seconds from the true one, within a second. */
  jump(seconds: number): void;
};

/** Makes a clock that shows the true time at first. Durations (the monotonic clock) stay true. */
export function createFalseClock(folder: string): FalseClock {
  const file = join(folder, 'clock');
  function jump(seconds: number): void {
    // Renamed into place, so that nobody reads half of it.
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${file}.new`, file);
  }
  jump(0);
  return {
    env: {
      LD_PRELOAD: requireFaketime(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DISABLE_SHM: '1',
      NO_FAKE_STAT: '1',
    },
    jump,
  };
}
