import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A server that tests may stop, kill and start again on the same port and data. */
export type ServerProcess = {
  url: string;
  port: number;
  /** Of the process that was started; its children are not counted. Null while it is down. */
  pid(): number | null;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it as a power cut would, and the processes it started with it. */
  kill(): Promise<void>;
  /** The end of what it has printed so far. */
  output(): string;
  /** False after it ended, by us or by itself. */
  running(): boolean;
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

const outputKept = 100_000;

/** Processes that a process started: PostgreSQL has one for each connection. */
function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  } catch {
    return []; // it has ended
  }
}

/** Whether a process has ended; where nobody asks for its exit code, as in some containers, its entry stays as a zombie. */
function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return true;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended
  }
}

/** Runs a server in the foreground, and asks `isReady` until it answers. */
export function createServerProcess(options: {
  url: string;
  port: number;
  command: string;
  args: readonly string[];
  env?: Record<string, string>;
  stopSignal: NodeJS.Signals;
  isReady(): Promise<boolean>;
}): ServerProcess {
  let child: ChildProcess | null = null;
  let output = '';

  function running(): boolean {
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  /** Stops it first, so that it starts no more processes meanwhile; gives it and those it has. */
  function freeze(): number[] {
    if (!running() || child?.pid === undefined) return [];
    signal(child.pid, 'SIGSTOP');
    const family = [child.pid, ...childrenOf(child.pid)];
    for (const pid of family) signal(pid, 'SIGSTOP');
    return family;
  }

  async function end(act: (running: ChildProcess) => void): Promise<void> {
    const ending = child;
    if (ending === null || !running()) return;
    const exit = once(ending, 'exit');
    act(ending);
    await exit;
    child = null;
  }

  return {
    url: options.url,
    port: options.port,
    pid: () => child?.pid ?? null,
    running,
    output: () => output,
    stop: () => end((ending) => ending.kill(options.stopSignal)),
    async kill() {
      const family = freeze();
      await end(() => {
        for (const pid of family) signal(pid, 'SIGKILL');
      });
      // What is not gone yet holds the data that the next start wants.
      while (!family.every(hasEnded)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    freeze: () => void freeze(),
    thaw() {
      if (!running() || child?.pid === undefined) return;
      for (const pid of [...childrenOf(child.pid), child.pid]) signal(pid, 'SIGCONT');
    },
    async start() {
      const started = spawn(options.command, options.args, {
        ...serverUser(),
        cwd: '/',
        env: { ...process.env, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const keep = (text: Buffer) => {
        output = (output + text.toString()).slice(-outputKept);
      };
      started.stdout.on('data', keep);
      started.stderr.on('data', keep);
      child = started;
      const deadline = Date.now() + 30_000;
      while (!(await options.isReady().catch(() => false))) {
        if (!running()) throw new Error(`${options.command} ended at once:\n${output.slice(-4_000)}`);
        if (Date.now() > deadline)
          throw new Error(`${options.command} did not answer within 30 s:\n${output.slice(-4_000)}`);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    },
  };
}
