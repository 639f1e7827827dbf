import pg from 'pg';
import { pause } from './mode.ts';
import type { Site } from './site.ts';

/** Cuts every connection to the database so many times. */
export async function cutConnections({ postgres }: Site, times: number): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url, application_name: 'cutter' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (let time = 0; time < times; time += 1) {
      await client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'saring'",
      );
      await pause(100);
    }
  } finally {
    await client.end();
  }
}
