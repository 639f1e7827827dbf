import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/main.ts');
const outputKept = 4_000;

/** `saring serve` or `saring work` as a process of its own. */
export type SaringProcess = {
  pid: number;
  /** Where it answers; empty for a worker. */
  address: string;
  /** The admin key that an embedded store prints on its very first start, or null. */
  firstKey: string | null;
  /** Ends it in order. */
  stop(): Promise<void>;
};

const ready = { serve: /"address":"([^"]+)"/, work: /"msg":"working"()/ };

/**
 * Starts a process of saring and waits until it is ready. Of this process' environment only PATH is handed on.
 *
 * @param profileFolder where it leaves a .cpuprofile when it is stopped; null for none
 * @throws Error with the last of what it printed, when it ends before
 */
export async function startSaring(
  command: 'serve' | 'work',
  environment: Readonly<Record<string, string>>,
  profileFolder: string | null = null,
): Promise<SaringProcess> {
  const profiling = profileFolder === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
  const child = spawn(process.execPath, [...profiling, main, command], {
    env: { PATH: process.env.PATH ?? '', HOST: '127.0.0.1', PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const isReady = new Promise<string>((resolve, reject) => {
    const keep = (text: Buffer) => {
      output = (output + text.toString()).slice(-outputKept);
      const [, address] = ready[command].exec(output) ?? [];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`saring ${command} ended before it was ready:\n${output}`)));
  });
  const address = await isReady;
  if (child.pid === undefined) throw new Error('a process that is ready has no id');
  return {
    pid: child.pid,
    address,
    firstKey: /saring_[\w-]{40,}/.exec(output)?.[0] ?? null,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`saring ${command} ended by itself:\n${output}`);
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}
