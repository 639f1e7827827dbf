import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/main.ts');

/** A `saring` that runs until it is ended, as a process of its own. */
export type SaringProcess = {
  /** Everything it has printed so far. */
  output(): string;
  /** False after it ended, by us or by itself. */
  running(): boolean;
  kill(): Promise<void>;
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
  /** Keeps its connections open and does nothing, as on a machine that is out of memory. */
  freeze(): void;
  thaw(): void;
};

/** One that serves. */
export type ServiceProcess = SaringProcess & {
  address: string;
  /** The admin key that the very first start prints; null ever after. */
  firstKey: string | null;
};

/** Starts `saring serve` on a free port and waits until it listens. */
export async function startServiceProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  return await startServing('serve', environment, /"address":"([^"]+)"/);
}

/** Starts `saring work` and waits until it works; `address` is where it shows metrics, if METRICS_PORT has it do so. */
export async function startWorkProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  // Beside other tests a worker that lets all others go first may wait for minutes.
  return await startServing(
    'work',
    { WORK_PRIORITY: 'normal', ...environment },
    /(?:"metrics":"([^"]+)".*)?"msg":"working"/s,
  );
}

/** Starts `saring demo` on a free port and waits until it has shown everything. */
export async function startDemo(environment: Record<string, string>): Promise<ServiceProcess> {
  return await startServing('demo', environment, /saring answers at (\S+) .*admin key/s);
}

async function startServing(
  command: string,
  environment: Record<string, string>,
  ready: RegExp,
): Promise<ServiceProcess> {
  const { saring, found } = await start(command, { PORT: '0', ...environment }, ready);
  const firstKey = /saring_[\w-]{40,}/.exec(saring.output())?.[0] ?? null;
  return { ...saring, address: found, firstKey };
}

async function start(
  command: string,
  environment: Record<string, string>,
  ready: RegExp,
): Promise<{ saring: SaringProcess; found: string }> {
  const env = { PATH: process.env.PATH ?? '', ...environment };
  const child = spawn(process.execPath, [main, command], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  let output = '';
  const keep = (text: Buffer) => {
    output += text.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const saring: SaringProcess = {
    output: () => output,
    running: () => isRunning(child),
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = await exit;
      return typeof code === 'number' ? code : null;
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
  return { saring, found: await printed(saring, ready) };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function printed(saring: SaringProcess, ready: RegExp): Promise<string> {
  for (;;) {
    const found = ready.exec(saring.output());
    if (found !== null) return found[1] ?? '';
    if (!saring.running()) throw new Error(`saring ended before it was ready:\n${saring.output()}`);
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
