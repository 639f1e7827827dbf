import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const script = join(import.meta.dirname, 'hold-socket.py');
const main = join(import.meta.dirname, '../../src/main.ts');

/** A `saring serve` that answers on the held socket. */
type HeldService = {
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number>;
  output(): string;
};

/** Holds a listening socket that services come and go on. */
export type SocketHolder = {
  address: string;
  /** Starts a service and waits until it listens. */
  start(log: string): Promise<HeldService>;
  close(): Promise<void>;
};

/** Opens a socket on loopback and holds it until it is closed. */
export async function holdSocket(environment: Record<string, string>): Promise<SocketHolder> {
  const holder = spawn('python3', [script], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: holder.stdout });
  const ends = new Map<string, PromiseWithResolvers<number>>();
  const answers: string[] = [];
  const waiting: ((answer: string) => void)[] = [];
  lines.on('line', (line) => {
    const [, id, code] = /^ended (\d+) (-?\d+)$/.exec(line) ?? [];
    if (id !== undefined) endOf(id).resolve(Number(code));
    else {
      const next = waiting.shift();
      if (next === undefined) answers.push(line);
      else next(line);
    }
  });
  function endOf(id: string): PromiseWithResolvers<number> {
    const end = ends.get(id) ?? Promise.withResolvers<number>();
    ends.set(id, end);
    return end;
  }
  async function answer(): Promise<string> {
    return answers.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
  }
  const port = await answer();
  return {
    address: `http://127.0.0.1:${port}`,
    async start(log) {
      holder.stdin.write(`${JSON.stringify([log, process.execPath, main, 'serve'])}\n`);
      const id = await answer();
      const output = () => readFileSync(log, 'utf8');
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (output().includes('"address":')) break;
        const code = await Promise.race([endOf(id).promise, null]);
        if (code !== null) throw new Error(`saring ended with ${code} before it listened:\n${output()}`);
      }
      return {
        output,
        stop() {
          process.kill(Number(id), 'SIGTERM');
          return endOf(id).promise;
        },
      };
    },
    async close() {
      const exit = once(holder, 'exit');
      holder.stdin.end();
      await exit;
    },
  };
}
