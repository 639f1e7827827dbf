import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type MeasuredServers, pidOf, query } from './servers.ts';

/** The naive way, ready to be sent files. */
export type NaiveWay = {
  parts: { api: number[]; worker: number[]; postgres: number[]; redis: number[] };
  /** Sends a file of so many listings and waits until all are stored. */
  send(file: string, listings: number): Promise<void>;
  count(): Promise<{ stored: number; flagged: number; waiting: number }>;
  stop(): Promise<void>;
};

/** Starts a sender and a worker of the naive way, on tables and indexes of saring's own. */
export async function startNaiveWay(servers: MeasuredServers, concurrency: number): Promise<NaiveWay> {
  const stores = await servers.freshStores();
  const environment = {
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    NAIVE_CONCURRENCY: String(concurrency),
  };
  const sender = await start('naive-sender.ts', environment);
  const worker = await start('naive-worker.ts', environment);
  return {
    parts: {
      api: [pidOfChild(sender)],
      worker: [pidOfChild(worker)],
      postgres: [pidOf(servers.postgres)],
      redis: [pidOf(servers.redis)],
    },
    async send(file, listings) {
      worker.send({ expect: listings });
      const all = Promise.all([told(worker), told(sender)]);
      sender.send({ file });
      await all;
    },
    async count() {
      const [counts] = await query<{ stored: number; flagged: number; waiting: number }>(
        stores.databaseUrl,
        `select (select count(*)::int from assessment) as stored,
           (select count(*)::int from listing where verdict = 'flag') as flagged,
           (select count(*)::int from review) as waiting`,
      );
      if (counts === undefined) throw new Error('nothing was counted');
      return counts;
    },
    async stop() {
      for (const child of [sender, worker]) {
        const exit = once(child, 'exit');
        if (child.connected) child.disconnect();
        if (child.exitCode === null) await exit;
      }
      await stores.drop();
    },
  };
}

/** A program of the naive way, which speaks once when it is ready. */
async function start(name: string, environment: Record<string, string>): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, name), { env: { PATH: process.env.PATH, ...environment } });
  await told(child);
  return child;
}

/** Waits for the next word of a child. */
async function told(child: ChildProcess): Promise<void> {
  const patience = new AbortController();
  const ended = once(child, 'exit', { signal: patience.signal }).then(([code]) => {
    throw new Error(`a program of the naive way ended with ${code}`);
  });
  try {
    await Promise.race([once(child, 'message'), ended]);
  } finally {
    ended.catch(() => undefined);
    patience.abort();
  }
}

function pidOfChild({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a program of the naive way could not be started');
  return pid;
}
