import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { requireBinary } from './find-binary.ts';
import {
  createServerProcess,
  freePort,
  giveToServer,
  type ServerProcess,
  serverUser,
} from './server-process.ts';

/** Tests want a server that is quick to set up and may lose everything. */
const forTests = ['fsync=off'];
/** Measurements want one as a careful operator would run it; the rest is PostgreSQL's own default. */
const forMeasuring = [
  'fsync=on',
  'synchronous_commit=on',
  'shared_buffers=512MB',
  'max_wal_size=4GB',
  'shared_preload_libraries=pg_stat_statements',
  'logging_collector=on',
  'log_destination=jsonlog',
  'log_filename=server.log',
];
/** Below the folder that a measured server is given: a JSON object per line. */
export const measuredLog = 'postgres/log/server.json';

/**
 * Starts a PostgreSQL of its own on loopback, with its data under `folder`.
 *
 * @param options.layout more for initdb, such as where the write-ahead log lies
 * @param options.env is added to its environment
 * @param options.measuring keeps what is committed and counts statements (pg_stat_statements), as a real one does
 */
export async function startPostgres(
  folder: string,
  options: { layout?: readonly string[]; env?: Record<string, string>; measuring?: boolean } = {},
): Promise<ServerProcess> {
  const data = join(folder, 'postgres');
  mkdirSync(data, { mode: 0o700 });
  giveToServer(data);
  execFileSync(
    requireBinary('initdb'),
    [
      '-D',
      data,
      '-U',
      'saring',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
      ...(options.layout ?? []),
    ],
    {
      ...serverUser(),
      cwd: '/',
      stdio: 'pipe',
    },
  );
  const port = await freePort();
  const url = `postgres://saring@127.0.0.1:${port}/postgres`;
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${data}`,
    'max_connections=200',
    ...(options.measuring === true ? forMeasuring : forTests),
  ];
  const server = createServerProcess({
    url,
    port,
    command: requireBinary('postgres'),
    args: ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    // Fast shutdown: open connections are cut instead of waited for.
    stopSignal: 'SIGINT',
    ...(options.env === undefined ? {} : { env: options.env }),
    async isReady() {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return true;
      } finally {
        await client.end();
      }
    },
  });
  await server.start();
  return server;
}

/** An empty database of its own on a running server. */
export async function freshDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`;
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await run(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(`drop database ${name} with (force)`) };
}
