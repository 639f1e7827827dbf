import { request } from 'undici';
import { z } from 'zod';
import { startNaiveWay } from './naive-way.ts';
import { startEmbedded, startOwnService } from './own-service.ts';
import {
  type ProcessesByPart,
  type ProcessorTime,
  peakMemoryMiB,
  watchProcessors,
} from './processor-time.ts';
import { monotonicUs } from './profile.ts';
import { type Service, sendBatch } from './send-batch.ts';
import { type MeasuredServers, query } from './servers.ts';

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
  /** Parts are `api`, `worker`, `postgres` and `redis`. */
  processor: ProcessorTime;
  /** Most memory of a process, by part, MiB; of the servers' first process alone. */
  memoryMiB: Record<string, number>;
  flagged: number;
  /** Reviews that these flags have left waiting. */
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
  const { servers, files, profileFolder } = options;
  if (way === 'naive') return await runNaive(options);
  const service =
    way === 'embedded'
      ? await startEmbedded(servers, { profileFolder })
      : await startOwnService(servers, { workers: way === 'two' ? 2 : 1, profileFolder });
  try {
    await sendBatch(service, files.warmUp);
    const waitingBefore = await countWaiting(service);
    const { result, ...took } = await measure(service.parts, options, () => sendBatch(service, files.night));
    const { batch, seconds, uploadSeconds } = result;
    if (batch.rows.scored !== files.listings)
      throw new Error(`of ${files.listings} listings ${batch.rows.scored} were scored`);
    const waiting = (await countWaiting(service)) - waitingBefore;
    return { ...took, seconds, uploadSeconds, flagged: batch.rows.flagged, waiting };
  } finally {
    await service.stop();
  }
}

async function runNaive(options: NightOptions): Promise<NightRun> {
  const { servers, files, naiveConcurrency } = options;
  const naive = await startNaiveWay(servers, naiveConcurrency);
  try {
    await naive.send(files.warmUp, files.warmUpListings);
    const before = await naive.count();
    const { result: seconds, ...took } = await measure(naive.parts, options, async () => {
      const began = performance.now();
      await naive.send(files.night, files.listings);
      return (performance.now() - began) / 1000;
    });
    const after = await naive.count();
    if (after.stored - before.stored !== files.listings)
      throw new Error(`of ${files.listings} listings ${after.stored - before.stored} were stored`);
    const [flagged, waiting] = [after.flagged - before.flagged, after.waiting - before.waiting];
    return { ...took, seconds, uploadSeconds: null, flagged, waiting };
  } finally {
    await naive.stop();
  }
}

async function measure<T>(
  parts: ProcessesByPart,
  { servers, onMeasured }: NightOptions,
  night: () => Promise<T>,
): Promise<{ result: T; processor: ProcessorTime; memoryMiB: Record<string, number> }> {
  await query(servers.postgres.url, 'select pg_stat_statements_reset()');
  const since = watchProcessors(parts);
  const fromUs = monotonicUs();
  const result = await night();
  const processor = since();
  await onMeasured?.({ fromUs, toUs: monotonicUs() });
  const peaks = Object.entries(parts).map(([part, pids]) => [part, Math.max(...pids.map(peakMemoryMiB))]);
  return { result, processor, memoryMiB: Object.fromEntries(peaks) };
}

const Stats = z.object({ waiting: z.int() });

async function countWaiting({ address, key }: Service): Promise<number> {
  const { body } = await request(`${address}/v1/reviews/stats`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return Stats.parse(await body.json()).waiting;
}
