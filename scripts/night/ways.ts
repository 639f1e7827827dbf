import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import { z } from 'zod';
import { peakMemoryMiB, processorSeconds } from './processor-time.ts';
import { monotonicUs } from './profile.ts';
import { type SaringProcess, startSaring } from './saring-process.ts';
import { sendBatch } from './send-batch.ts';
import { type MeasuredServers, pidOf, query } from './servers.ts';

/** Ways to get a night's listings stored and judged. */
export const ways = {
  one: 'PostgreSQL and Redis, one worker',
  two: 'PostgreSQL and Redis, two workers',
  embedded: 'embedded, one process',
  naive: 'naive: a job and inserts for each listing',
} as const;
export type Way = keyof typeof ways;

/** What a night took. */
export type NightRun = {
  /** From the first byte sent to the batch being done. */
  seconds: number;
  /** Of that, until the upload was answered; null for the naive way. */
  uploadSeconds: number | null;
  /** Processor seconds by part: `api`, `worker`, `postgres`, `redis`, and `sender`, which is this process. */
  processor: Record<string, number>;
  /** Most memory of a saring process, by part, MiB. */
  memoryMiB: Record<string, number>;
  flagged: number;
  /** Reviews that wait at the end. */
  waiting: number;
};

/** What is sent. The small file is sent first and not measured, since code that never ran is slow. */
export type NightFiles = { warmUp: string; night: string; listings: number; warmUpListings: number };

export type NightOptions = {
  servers: MeasuredServers;
  files: NightFiles;
  /** Profiles of saring's processes are left in folders below this one; null for none. */
  profileFolder: string | null;
  naiveConcurrency: number;
  /** Called when the night is done and everything still runs, with its time on the monotonic clock, microseconds. */
  onMeasured?(between: { fromUs: number; toUs: number }): Promise<void>;
};

/** Sends the night in one of the ways, with stores and processes of its own. */
export async function runNight(way: Way, options: NightOptions): Promise<NightRun> {
  if (way === 'naive') return await runNaive(options);
  if (way === 'embedded') return await runEmbedded(options);
  return await runWithServers(way === 'two' ? 2 : 1, options);
}

/** Pictures are left to themselves: their speed is that of other people's servers. */
const common = { PICTURES: 'off', LOG_LEVEL: 'info' };

async function runWithServers(workerCount: number, options: NightOptions): Promise<NightRun> {
  const { servers, profileFolder } = options;
  const stores = await servers.freshStores();
  const environment = {
    ...common,
    SARING_DATA: mkdtempSync(join(servers.folder, 'data-')),
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
  };
  const running: SaringProcess[] = [];
  const start = async (command: 'serve' | 'work') => {
    const started = await startSaring(command, environment, profilesOf(profileFolder, command));
    running.push(started);
    return started;
  };
  try {
    const api = await start('serve');
    const workers = [];
    for (let n = 0; n < workerCount; n += 1) workers.push(await start('work'));
    const parts = {
      api: [api.pid],
      worker: workers.map(({ pid }) => pid),
      postgres: [pidOf(servers.postgres)],
      redis: [pidOf(servers.redis)],
    };
    return await measureService({ address: api.address, key: stores.adminKey.secret }, parts, options);
  } finally {
    for (const each of running.reverse()) await each.stop();
    await stores.drop();
  }
}

async function runEmbedded(options: NightOptions): Promise<NightRun> {
  const { servers, profileFolder } = options;
  const environment = { ...common, SARING_DATA: mkdtempSync(join(servers.folder, 'data-')) };
  const api = await startSaring('serve', environment, profilesOf(profileFolder, 'serve'));
  try {
    if (api.firstKey === null) throw new Error('no key was printed at the first start');
    return await measureService({ address: api.address, key: api.firstKey }, { api: [api.pid] }, options);
  } finally {
    await api.stop();
  }
}

function profilesOf(profileFolder: string | null, command: string): string | null {
  if (profileFolder === null) return null;
  const folder = join(profileFolder, command);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Processes by part. */
type Parts = Record<string, readonly number[]>;

/** With this process, the sender, alone: what it has started are the parts. */
function secondsOf(parts: Parts): Record<string, number> {
  const { user, system } = process.cpuUsage();
  const ofParts = Object.entries(parts).map(([part, pids]) => [
    part,
    pids.reduce((sum, pid) => sum + processorSeconds(pid), 0),
  ]);
  return { ...Object.fromEntries(ofParts), sender: (user + system) / 1e6 };
}

function since(before: Record<string, number>, parts: Parts): Record<string, number> {
  return Object.fromEntries(
    Object.entries(secondsOf(parts)).map(([part, now]) => [part, now - (before[part] ?? 0)]),
  );
}

const Stats = z.object({ waiting: z.int() });

async function measureService(
  service: { address: string; key: string },
  parts: Parts,
  { files, servers, onMeasured }: NightOptions,
): Promise<NightRun> {
  await sendBatch(service, files.warmUp);
  const countWaiting = async () => {
    const { body } = await request(`${service.address}/v1/reviews/stats`, {
      headers: { authorization: `Bearer ${service.key}` },
    });
    return Stats.parse(await body.json()).waiting;
  };
  const waitingBefore = await countWaiting();
  await query(servers.postgres.url, 'select pg_stat_statements_reset()');
  const before = secondsOf(parts);
  const fromUs = monotonicUs();
  const { batch, seconds, uploadSeconds } = await sendBatch(service, files.night);
  const processor = since(before, parts);
  await onMeasured?.({ fromUs, toUs: monotonicUs() });
  if (batch.rows.scored !== files.listings)
    throw new Error(`of ${files.listings} listings ${batch.rows.scored} were scored`);
  const ours = Object.entries(parts).filter(([part]) => part === 'api' || part === 'worker');
  return {
    seconds,
    uploadSeconds,
    processor,
    memoryMiB: Object.fromEntries(
      ours.map(([part, pids]) => [part, Math.max(...pids.map((pid) => peakMemoryMiB(pid)))]),
    ),
    flagged: batch.rows.flagged,
    waiting: (await countWaiting()) - waitingBefore,
  };
}

/** A program of the naive way, which says `ready` when it is. */
async function startNaive(name: string, environment: Record<string, string>): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, name), { env: { PATH: process.env.PATH, ...environment } });
  await once(child, 'message');
  return child;
}

async function runNaive({ servers, files, naiveConcurrency, onMeasured }: NightOptions): Promise<NightRun> {
  const stores = await servers.freshStores();
  const environment = {
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    NAIVE_CONCURRENCY: String(naiveConcurrency),
  };
  const sender = await startNaive('naive-sender.ts', environment);
  const worker = await startNaive('naive-worker.ts', environment);
  const send = async (file: string, listings: number) => {
    worker.send({ expect: listings });
    const all = Promise.all([once(worker, 'message'), once(sender, 'message')]);
    sender.send({ file });
    await all;
  };
  const count = async (what: string) =>
    (await query<{ count: number }>(stores.databaseUrl, `select count(*)::int as count from ${what}`))[0]
      ?.count ?? 0;
  const flags = `listing where verdict = 'flag'`;
  try {
    const parts = {
      api: [requirePid(sender)],
      worker: [requirePid(worker)],
      postgres: [pidOf(servers.postgres)],
      redis: [pidOf(servers.redis)],
    };
    await send(files.warmUp, files.warmUpListings);
    const [flaggedBefore, waitingBefore] = [await count(flags), await count('review')];
    await query(servers.postgres.url, 'select pg_stat_statements_reset()');
    const before = secondsOf(parts);
    const began = performance.now();
    const fromUs = monotonicUs();
    await send(files.night, files.listings);
    const seconds = (performance.now() - began) / 1000;
    const processor = since(before, parts);
    await onMeasured?.({ fromUs, toUs: monotonicUs() });
    const stored = await count('assessment');
    if (stored !== files.listings + files.warmUpListings) throw new Error(`${stored} listings were stored`);
    return {
      seconds,
      uploadSeconds: null,
      processor,
      memoryMiB: { api: peakMemoryMiB(requirePid(sender)), worker: peakMemoryMiB(requirePid(worker)) },
      flagged: (await count(flags)) - flaggedBefore,
      waiting: (await count('review')) - waitingBefore,
    };
  } finally {
    for (const each of [sender, worker]) {
      const exit = once(each, 'exit');
      each.disconnect();
      await exit;
    }
    await stores.drop();
  }
}

function requirePid({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a process could not be started');
  return pid;
}
