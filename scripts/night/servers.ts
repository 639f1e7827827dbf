import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type ApiKey, createApiKey } from '../../src/store/api-keys.ts';
import { openStore } from '../../src/store/db.ts';
import { installServers } from '../../test/servers/find-binary.ts';
import { freshDatabase, startPostgres } from '../../test/servers/postgres.ts';
import { startRedis } from '../../test/servers/redis.ts';
import type { ServerProcess } from '../../test/servers/server-process.ts';

/** PostgreSQL as it is run where data matters, and Redis, both of this measurement alone. */
export type MeasuredServers = {
  /** For whatever else a measurement writes; goes with the servers. */
  folder: string;
  postgres: ServerProcess;
  redis: ServerProcess;
  /** An empty database, checkpoints done, and an empty Redis. */
  freshStores(): Promise<Stores>;
  close(): Promise<void>;
};

/** An empty database with saring's tables and a key for an admin. */
export type Stores = {
  databaseUrl: string;
  redisUrl: string;
  adminKey: ApiKey & { secret: string };
  drop(): Promise<void>;
};

/** Starts both servers in a folder of their own. */
export async function startServers(): Promise<MeasuredServers> {
  installServers();
  const folder = mkdtempSync(join(tmpdir(), 'saring-measure-'));
  // PostgreSQL may run as another user than we do.
  chmodSync(folder, 0o755);
  const postgres = await startPostgres(folder, { measuring: true });
  const redis = await startRedis(folder);
  await query(postgres.url, 'create extension if not exists pg_stat_statements');
  return {
    folder,
    postgres,
    redis,
    async freshStores() {
      const database = await freshDatabase(postgres.url);
      const store = await openStore({ engine: 'postgres', url: database.url, poolSize: 1 });
      const adminKey = await createApiKey(store.db, { name: 'measuring', role: 'admin' });
      await store.close();
      // This Redis keeps nothing: started again, it is empty.
      await redis.kill();
      await redis.start();
      await query(postgres.url, 'checkpoint');
      return { databaseUrl: database.url, redisUrl: redis.url, adminKey, drop: database.drop };
    },
    async close() {
      await Promise.all([postgres.stop(), redis.kill()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks a database one thing over a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
  databaseUrl: string,
  statement: string,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** The process id of a server that runs. */
export function pidOf(server: ServerProcess): number {
  const pid = server.pid();
  if (pid === null) throw new Error('the server is down');
  return pid;
}
