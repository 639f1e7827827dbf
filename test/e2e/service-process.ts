import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/main.ts');

/** A `saring` that serves, as a process of its own. */
export type ServiceProcess = {
  address: string;
  /** The admin key that the very first start prints; null ever after. */
  firstKey: string | null;
  /** Everything it has printed so far. */
  output(): string;
  kill(): Promise<void>;
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
};

/** Starts `saring serve` on a free port and waits until it listens. */
export async function startServiceProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  return await start('serve', environment, /"address":"([^"]+)"/);
}

/** Starts `saring work` and waits until it works; `address` is where it shows metrics, if METRICS_PORT has it do so. */
export async function startWorkProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  return await start('work', environment, /(?:"metrics":"([^"]+)".*)?"msg":"working"/s);
}

/** Starts `saring demo` on a free port and waits until it has shown everything. */
export async function startDemo(environment: Record<string, string>): Promise<ServiceProcess> {
  return await start('demo', environment, /saring answers at (\S+) .*admin key/s);
}

async function start(
  command: string,
  environment: Record<string, string>,
  ready: RegExp,
): Promise<ServiceProcess> {
  const env = { PATH: process.env.PATH ?? '', PORT: '0', ...environment };
  const child = spawn(process.execPath, [main, command], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (text: Buffer) => {
    output += text.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const address = await printed(child, ready, () => output);
  return {
    address,
    firstKey: /saring_[\w-]{40,}/.exec(output)?.[0] ?? null,
    output: () => output,
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

async function printed(child: ChildProcess, ready: RegExp, output: () => string): Promise<string> {
  for (;;) {
    const found = ready.exec(output());
    if (found !== null) return found[1] ?? '';
    if (child.exitCode !== null) throw new Error(`saring ended before it was ready:\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Runs the command line to its end.
 *
 * @param options.shell a line of shell that runs it, as `$0 $@`
 */
export async function runSaring(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string; shell?: string } = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const command = [process.execPath, main, ...args];
  const [program = '', ...rest] =
    options.shell === undefined ? command : ['sh', '-c', options.shell, ...command];
  const child = spawn(program, rest, {
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
