import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessesByPart } from './processor-time.ts';
import { type SaringProcess, startSaring } from './saring-process.ts';
import type { Service } from './send-batch.ts';
import { type MeasuredServers, pidOf } from './servers.ts';

/** A saring of the measurement's own, with stores of its own. */
export type OwnService = Service & {
  /** The processes it is made of, by what they do; PostgreSQL's are all its backends. */
  parts: ProcessesByPart;
  /** Its database; null for an embedded one. */
  databaseUrl: string | null;
  stop(): Promise<void>;
};

/** Pictures are left to themselves: their speed is that of other people's servers. */
const environment = { PICTURES: 'off', LOG_LEVEL: 'info' };

/**
 * Starts one process that answers and some that work, on PostgreSQL and Redis, everything else by default.
 *
 * @param options.profileFolder gets a folder of .cpuprofile files for each command; null for none
 */
export async function startOwnService(
  servers: MeasuredServers,
  options: { workers: number; profileFolder: string | null; settings?: Readonly<Record<string, string>> },
): Promise<OwnService> {
  const stores = await servers.freshStores();
  const settings = {
    ...environment,
    SARING_DATA: mkdtempSync(join(servers.folder, 'data-')),
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    ...options.settings,
  };
  const running: SaringProcess[] = [];
  const start = async (command: 'serve' | 'work') => {
    const started = await startSaring(command, settings, profilesOf(options.profileFolder, command));
    running.push(started);
    return started;
  };
  const stop = async () => {
    // Even where one has ended by itself, the others must not be left behind.
    const ends = await Promise.allSettled(running.map((each) => each.stop()));
    await stores.drop();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  };
  try {
    const api = await start('serve');
    const workers: SaringProcess[] = [];
    while (workers.length < options.workers) workers.push(await start('work'));
    return {
      address: api.address,
      key: stores.adminKey.secret,
      databaseUrl: stores.databaseUrl,
      parts: {
        api: [api.pid],
        worker: workers.map(({ pid }) => pid),
        postgres: [pidOf(servers.postgres)],
        redis: [pidOf(servers.redis)],
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts the one process that keeps everything in a folder and does everything itself. */
export async function startEmbedded(
  { folder }: MeasuredServers,
  options: { profileFolder: string | null },
): Promise<OwnService> {
  const settings = { ...environment, SARING_DATA: mkdtempSync(join(folder, 'data-')) };
  const api = await startSaring('serve', settings, profilesOf(options.profileFolder, 'serve'));
  if (api.firstKey === null) {
    await api.stop();
    throw new Error('no key was printed at the first start');
  }
  const { address, firstKey, pid, stop } = api;
  return { address, key: firstKey, databaseUrl: null, parts: { api: [pid] }, stop };
}

function profilesOf(profileFolder: string | null, command: string): string | null {
  if (profileFolder === null) return null;
  const folder = join(profileFolder, command);
  mkdirSync(folder, { recursive: true });
  return folder;
}
