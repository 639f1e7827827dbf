import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const main = join(import.meta.dirname, '../../src/main.ts');

/** `saring serve` as a process of its own. */
export type ServiceProcess = {
  address: string;
  /** The admin key that the very first start prints; null ever after. */
  firstKey: string | null;
  kill(): Promise<void>;
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
};

/** Starts the service on a free port and waits until it listens. */
export async function startServiceProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  const env = { PATH: process.env.PATH ?? '', PORT: '0', ...environment };
  const child = spawn(process.execPath, [main, 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  const address = await listening(child, () => errors);
  return {
    address,
    firstKey: /saring_[\w-]+/.exec(errors)?.[0] ?? null,
    async kill() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = await exit;
      return typeof code === 'number' ? code : null;
    },
  };
}

async function listening(child: ChildProcess, errors: () => string): Promise<string> {
  if (child.stdout === null) throw new Error('the service has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const entry: unknown = JSON.parse(line);
    if (
      typeof entry === 'object' &&
      entry !== null &&
      'address' in entry &&
      typeof entry.address === 'string'
    ) {
      child.stdout.resume();
      return entry.address;
    }
  }
  throw new Error(`the service ended before it listened:\n${errors()}`);
}

/** Runs the command line to its end. */
export async function runSaring(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH ?? '', ...options.env },
    stdio: 'pipe',
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  child.stdin.end(options.input ?? '');
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, out, err };
}
