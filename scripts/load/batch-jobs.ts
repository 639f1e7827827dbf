import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';
import type { Caller } from './client.ts';
import type { Latencies } from './latencies.ts';

const Told = z.union([
  z.object({ kind: z.string(), tookMs: z.number() }),
  z.object({ kind: z.string(), error: z.string() }),
  z.object({ scored: z.int() }),
]);

/** A service that scores nothing for so long is not loaded but down. */
const patienceMs = 120_000;

/** Batches that are sent one after the other. */
export type BatchJobs = {
  /** Rows scored so far, of all batches, as last looked at. */
  scored(): number;
  /** Cancels what is under way. */
  stop(): Promise<void>;
};

/**
 * Has batches of each size sent, until stopped. Resolves when the first rows are scored.
 *
 * @param options.prefix begins every post's id
 * @throws Error where none are scored within two minutes
 */
export async function startBatchJobs(options: {
  address: string;
  caller: Caller;
  prefix: string;
  sizes: readonly number[];
  latencies(): Latencies;
}): Promise<BatchJobs> {
  const child = fork(join(import.meta.dirname, 'batch-client.ts'));
  const exit = once(child, 'exit');
  let scored = 0;
  const begun = Promise.withResolvers<void>();
  child.on('message', (message) => {
    const told = Told.parse(message);
    if ('tookMs' in told) options.latencies().record(told.kind, told.tookMs);
    else if ('error' in told) options.latencies().fail(told.kind, told.error);
    else {
      scored = told.scored;
      if (scored > 0) begun.resolve();
    }
  });
  child.once('exit', () => begun.reject(new Error('the sender of batches ended by itself')));
  const { address, caller, prefix, sizes } = options;
  child.send({ address, key: caller.key, prefix, sizes });
  const timer = setTimeout(() => begun.reject(new Error('no row of a batch was scored')), patienceMs);
  try {
    await begun.promise;
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    scored: () => scored,
    async stop() {
      if (child.connected) child.send({ stop: true });
      await exit;
    },
  };
}
