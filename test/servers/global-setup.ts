import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
    /** The file to which every fault test adds a line of what it counted. */
    faultTallies: string;
  }
}

/** Starts one PostgreSQL and one Redis for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  installServers();
  const folder = mkdtempSync(join(tmpdir(), 'saring-servers-'));
  chmodSync(folder, 0o755);
  const faultTallies = join(folder, 'faults.ndjson');
  project.provide('faultTallies', faultTallies);
  const stops: (() => Promise<void>)[] = [];
  const teardown = async () => {
    await Promise.all(stops.map((stop) => stop()));
    tellFaults(faultTallies);
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

/** Says what all fault tests of the run counted together. */
function tellFaults(file: string): void {
  if (!existsSync(file)) return;
  const totals = { kills: 0, listings: 0, lost: 0, double: 0 };
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { kills, listings, lost, double } = JSON.parse(line);
    totals.kills += kills;
    totals.listings += listings;
    totals.lost += lost;
    totals.double += double;
  }
  const { kills, listings, lost, double } = totals;
  process.stderr.write(`all faults: kills ${kills}, listings ${listings}, lost ${lost}, double ${double}\n`);
}
