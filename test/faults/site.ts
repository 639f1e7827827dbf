import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createApiKey } from '../../src/store/api-keys.ts';
import { openStore, type Store } from '../../src/store/db.ts';
import { type SaringProcess, startServiceProcess, startWorkProcess } from '../e2e/service-process.ts';
import { startPostgres } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import { giveToServer, type ServerProcess } from '../servers/server-process.ts';
import { pause } from './mode.ts';

/** Something that a fault may hit and whoever runs it starts again. */
export type Part = {
  kill(): Promise<void>;
  /** Starts it again, as often as it takes. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  running(): boolean;
};

/** A saring process that is started again as the same part. */
type SaringPart = Part & {
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
  output(): string;
};

/** A whole installation with servers of its own. */
export type Site = {
  folder: string;
  postgres: ServerProcess;
  redis: ServerProcess;
  api: SaringPart & { address(): string };
  workers: SaringPart[];
  /** A look into the database from outside; it closes with the test. */
  store: Store;
  /** An analyst's API key. */
  key: string;
  /** How often something was killed. */
  kills(): number;
};

const startMs = 60_000;
const retryMs = 200;

/** A temporary folder that servers may use; it goes with the test. */
export function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saring-faults-'));
  giveToServer(folder);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Starts PostgreSQL, Redis, one service and workers. All of it ends with the test.
 *
 * @param options.apiWorks has the service work, too, with a bell of its own
 * @param options.env is added to the environment of the service and the workers
 * @param options.openPostgres starts the database where a test needs a special one
 */
export async function startSite(options: {
  workers: number;
  apiWorks?: boolean;
  env?: Record<string, string>;
  folder?: string;
  openPostgres?(folder: string): Promise<ServerProcess>;
}): Promise<Site> {
  const folder = options.folder ?? openFolder();
  let kills = 0;
  const count = <P extends { kill(): Promise<void> }>(part: P): P => ({
    ...part,
    async kill() {
      kills += 1;
      await part.kill();
    },
  });
  const postgres = await (options.openPostgres ?? startPostgres)(folder);
  onTestFinished(() => postgres.kill());
  const redis = await startRedis(folder);
  onTestFinished(() => redis.kill());
  const store = await openStore({ engine: 'postgres', url: postgres.url, poolSize: 4 });
  onTestFinished(() => store.close());
  const { secret } = await createApiKey(store.db, { name: 'night', role: 'analyst' });
  const env = {
    DATABASE_URL: postgres.url,
    PICTURES: 'off',
    LOG_LEVEL: 'info',
    // Small ones, so that there are many moments to be hit in.
    BATCH_CHUNK_ROWS: '200',
    ...options.env,
  };
  const withRedis = { ...env, REDIS_URL: redis.url };
  let address = '';
  const [api, ...workers] = await Promise.all([
    startPart(async () => {
      const service = await startServiceProcess(options.apiWorks === true ? env : withRedis);
      address = service.address;
      return service;
    }),
    ...Array.from({ length: options.workers }, () => startPart(() => startWorkProcess(withRedis))),
  ]);
  if (api === undefined) throw new Error('there is no service');
  return {
    folder,
    postgres: count(postgres),
    redis: count(redis),
    api: { ...count(api), address: () => address },
    workers: workers.map(count),
    store,
    key: secret,
    kills: () => kills,
  };
}

async function startPart(launch: () => Promise<SaringProcess>): Promise<SaringPart> {
  let process: SaringProcess;
  async function start(): Promise<void> {
    const deadline = Date.now() + startMs;
    for (;;) {
      try {
        process = await launch();
        return;
      } catch (error) {
        // Without its database it ends at once with one plain line; whoever runs it starts it again.
        if (Date.now() > deadline) throw error;
        await pause(retryMs);
      }
    }
  }
  await start();
  onTestFinished(() => process.kill());
  return {
    start,
    kill: () => process.kill(),
    stop: () => process.stop(),
    freeze: () => process.freeze(),
    thaw: () => process.thaw(),
    running: () => process.running(),
    output: () => process.output(),
  };
}
