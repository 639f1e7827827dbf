import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const everyMs = 500;

/**
 * Collects garbage twice a second until stopped. V8 lets it lie while the machine has memory to spare, so that
 * a file of 1 GB took 0.6 GB, of which under 0.1 GB was in use; collected, memory is the same for files of any size.
 */
export function collectGarbage(): { stop(): void } {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const timer = setInterval(() => {
    if (typeof collect === 'function') collect();
  }, everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
