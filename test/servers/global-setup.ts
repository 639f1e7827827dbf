import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { TestProject } from 'vitest/node';
import { installServers } from './find-binary.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server; each test file makes a database of its own on it. */
    databaseUrl: string;
    /** A Redis server; each test uses a prefix of its own. */
    redisUrl: string;
    /** Dump of an empty embedded database: starting from it takes a fraction of making a new one. */
    embeddedImage: string;
  }
}

/** Starts one PostgreSQL and one Redis for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  installServers();
  const folder = mkdtempSync(join(tmpdir(), 'saring-servers-'));
  chmodSync(folder, 0o755);
  const stops: (() => Promise<void>)[] = [];
  const teardown = async () => {
    await Promise.all(stops.map((stop) => stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const postgres = await startPostgres(folder);
    stops.push(() => postgres.kill());
    const redis = await startRedis(folder);
    stops.push(() => redis.kill());
    project.provide('databaseUrl', postgres.url);
    project.provide('redisUrl', redis.url);
    const image = join(folder, 'embedded.tar');
    const empty = await PGlite.create();
    await writeFile(image, (await empty.dumpDataDir('none')).stream());
    await empty.close();
    project.provide('embeddedImage', image);
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}
