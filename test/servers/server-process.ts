import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { createServer } from 'node:net';

/** A server that tests may stop, kill and start again on the same port and data. */
export type ServerProcess = {
  url: string;
  port: number;
  /** Of the process that was started; its children are not counted. Null while it is down. */
  pid(): number | null;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Keeps its connections open and answers nothing, as a machine out of memory would. */
  freeze(): void;
  thaw(): void;
  start(): Promise<void>;
};

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** User and group that servers run as: PostgreSQL refuses root. */
export function serverUser(): { uid: number; gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Gives a folder to the user that servers run as. */
export function giveToServer(folder: string): void {
  const user = serverUser();
  if ('uid' in user && user.uid !== undefined && user.gid !== undefined)
    chownSync(folder, user.uid, user.gid);
}

/** Runs a server in the foreground, and asks `isReady` until it answers. */
export function createServerProcess(options: {
  url: string;
  port: number;
  command: string;
  args: readonly string[];
  stopSignal: NodeJS.Signals;
  isReady(): Promise<boolean>;
}): ServerProcess {
  let child: ChildProcess | null = null;
  let output = '';

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    const exit = once(running, 'exit');
    running.kill(signal);
    await exit;
  }

  return {
    url: options.url,
    port: options.port,
    pid: () => child?.pid ?? null,
    stop: () => end(options.stopSignal),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async start() {
      const running = spawn(options.command, options.args, {
        ...serverUser(),
        cwd: '/',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const keep = (text: Buffer) => {
        output = (output + text.toString()).slice(-4_000);
      };
      running.stdout.on('data', keep);
      running.stderr.on('data', keep);
      child = running;
      const deadline = Date.now() + 30_000;
      while (!(await options.isReady().catch(() => false))) {
        if (running.exitCode !== null) throw new Error(`${options.command} ended at once:\n${output}`);
        if (Date.now() > deadline)
          throw new Error(`${options.command} did not answer within 30 s:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    },
  };
}
