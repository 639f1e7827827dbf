/**
 * End to end speed: a night's listings as one upload, from its first byte until every verdict is stored and every flag
 * queued, in each of the ways that saring is run and in the naive way, in interleaved rounds, with the processor time that
 * each process took. Exits with 1 when a limit is passed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { median } from './median.ts';
import { createListingMaker, usualNight, writeListings } from './night/listings.ts';
import { sum } from './night/processor-time.ts';
import { topSelfTimes } from './night/profile.ts';
import { query, startServers } from './night/servers.ts';
import { type NightFiles, type NightRun, runNight, type Way, ways } from './night/ways.ts';
import { markdownTable } from './peers/markdown-table.ts';

const functionsShown = 30;
const statementsShown = 15;
const parts = { api: 'API', worker: 'worker', postgres: 'PostgreSQL', redis: 'Redis', sender: 'sender' };

const wayNames = Object.keys(ways).filter((name): name is Way => name in ways);
const { listings, rounds, warmUp, pictures, offers, ...options } = new Command('measure-night')
  .description('listings/s end to end, upload to stored verdict and queued flag')
  .option('--listings <n>', 'listings of a night', Number, 50_000)
  .option('--rounds <n>', 'rounds, of which medians are taken', Number, 3)
  .option('--warm-up <n>', 'listings sent before, unmeasured', Number, 4_000)
  .option('--offers <share>', 'share of listings that are offers', Number, usualNight.offers)
  .option('--pictures <share>', 'share of listings with picture addresses, which are not fetched', Number, 0)
  .addOption(new Option('--ways <names...>', 'which ways to measure').choices(wayNames).default(wayNames))
  .option('--naive-concurrency <n>', 'jobs at a time of the naive way', Number, 50)
  .option('--least <n>', 'listings/s that one worker must reach', Number, 5_000)
  .option('--least-two <n>', 'listings/s that two workers must reach', Number, 8_000)
  .option('--least-embedded <n>', 'listings/s that the embedded way must reach', Number, 2_000)
  .option('--profile', 'print where the processes and PostgreSQL spend their time in the last round', false)
  .showHelpAfterError()
  .parse()
  .opts<{
    listings: number;
    rounds: number;
    warmUp: number;
    offers: number;
    pictures: number;
    ways: Way[];
    naiveConcurrency: number;
    least: number;
    leastTwo: number;
    leastEmbedded: number;
    profile: boolean;
  }>();

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function writeFiles(folder: string): Promise<NightFiles> {
  const files = {
    warmUp: join(folder, 'warm-up.ndjson'),
    night: join(folder, 'night.ndjson'),
    listings,
    warmUpListings: warmUp,
  };
  const make = await createListingMaker({ ...usualNight, offers, pictures, until: new Date() }, 'n');
  await writeListings(files.night, make, { from: 0, count: listings });
  await writeListings(files.warmUp, make, { from: listings, count: warmUp });
  return files;
}

function mediansOf(runs: readonly NightRun[], of: (run: NightRun) => number): number {
  return median(runs.map(of));
}

const perSecond = (run: NightRun) => listings / run.seconds;
const busyProcessors = ({ processor: { took }, seconds }: NightRun) => sum(Object.values(took)) / seconds;

function speedTable(runs: ReadonlyMap<Way, NightRun[]>): string {
  const naive = runs.get('naive');
  const rows = [...runs].map(([way, ofWay]) => {
    const processor = (part: string) =>
      (mediansOf(ofWay, (run) => run.processor.took[part] ?? 0) / listings) * 1_000;
    const busy = mediansOf(ofWay, busyProcessors);
    const others = mediansOf(ofWay, (run) => run.processor.others / run.seconds);
    const memory = (part: string) => mediansOf(ofWay, (run) => run.memoryMiB[part] ?? 0);
    const rate = mediansOf(ofWay, perSecond);
    return [
      ways[way],
      rate.toFixed(0),
      ofWay.map((run) => perSecond(run).toFixed(0)).join(', '),
      naive === undefined ? '–' : (rate / mediansOf(naive, perSecond)).toFixed(2),
      way === 'naive' ? '–' : mediansOf(ofWay, (run) => run.uploadSeconds ?? 0).toFixed(1),
      ...Object.keys(parts).map((part) => (processor(part) === 0 ? '–' : processor(part).toFixed(3))),
      busy.toFixed(2),
      others.toFixed(2),
      `${memory('api').toFixed(0)}, ${memory('worker') === 0 ? '–' : memory('worker').toFixed(0)}`,
      `${ofWay[0]?.flagged}, ${ofWay[0]?.waiting}`,
    ];
  });
  const header = [
    'way',
    'listings/s',
    'each round',
    'times the naive',
    'upload s',
    ...Object.values(parts).map((part) => `${part} s/1,000`),
    'processors busy',
    'with others',
    'peak MiB, API and worker',
    'flagged, reviews',
  ];
  return markdownTable(header, rows);
}

/** Prints where the time of a run went, from the profiles below a folder. */
function printProfiles(way: Way, folder: string, between: { fromUs: number; toUs: number }): void {
  for (const command of way === 'embedded' ? ['serve'] : ['serve', 'work']) {
    console.log(`\n### ${ways[way]}: \`saring ${command}\`, self time\n`);
    const top = topSelfTimes(join(folder, command), between).slice(0, functionsShown);
    console.log(
      markdownTable(
        ['function', 'share'],
        top.map(({ name, share }) => [name, `${(share * 100).toFixed(1)} %`]),
      ),
    );
  }
}

type Statement = {
  calls: number;
  seconds: number;
  planned: number;
  rows: number;
  wal_mb: number;
  query: string;
};

/** It costs a little itself, so it is counted only on demand. */
async function countPlanning(postgresUrl: string): Promise<void> {
  await query(postgresUrl, 'alter system set pg_stat_statements.track_planning = on');
  await query(postgresUrl, 'select pg_reload_conf()');
}

async function printStatements(way: Way, postgresUrl: string): Promise<void> {
  const statements = await query<Statement>(
    postgresUrl,
    `select calls::int, total_exec_time / 1000 as seconds, total_plan_time / 1000 as planned, rows::int, (wal_bytes / 1e6)::float8 as wal_mb,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 160) as query
     from pg_stat_statements order by total_exec_time + total_plan_time desc limit ${statementsShown}`,
  );
  console.log(`\n### ${ways[way]}: statements by the time PostgreSQL took for them\n`);
  console.log(
    markdownTable(
      ['seconds', 'planning', 'calls', 'rows', 'WAL MB', 'statement'],
      statements.map(({ seconds, planned, calls, rows, wal_mb, query: text }) => [
        seconds.toFixed(2),
        planned.toFixed(2),
        String(calls),
        String(rows),
        wal_mb.toFixed(1),
        `\`${text.replaceAll('|', '\\|')}\``,
      ]),
    ),
  );
}

/** Says of every limit whether it is kept. */
function limitsKept(runs: ReadonlyMap<Way, NightRun[]>): boolean {
  const rateOf = (way: Way) => {
    const ofWay = runs.get(way);
    return ofWay === undefined ? null : mediansOf(ofWay, perSecond);
  };
  const [one, two, embedded] = [rateOf('one'), rateOf('two'), rateOf('embedded')];
  const limits = [
    { what: 'one worker, listings/s', reached: one, least: options.least },
    { what: 'two workers, listings/s', reached: two, least: options.leastTwo },
    { what: 'embedded, listings/s', reached: embedded, least: options.leastEmbedded },
  ];
  if (one !== null && two !== null) {
    const busy = mediansOf(runs.get('one') ?? [], busyProcessors);
    console.log(
      `two workers: ${(two / one).toFixed(2)} times one, which kept ${busy.toFixed(2)} of ${availableParallelism()} processors busy`,
    );
  }
  let kept = true;
  for (const { what, reached, least } of limits) {
    if (reached === null) continue;
    const reaches = reached >= least;
    kept &&= reaches;
    console.log(`${reaches ? 'kept' : 'MISSED'}: ${what}: ${reached.toFixed(0)}, at least ${least}`);
  }
  return kept;
}

const folder = mkdtempSync(join(tmpdir(), 'saring-night-'));
tell('starting PostgreSQL and Redis, making listings');
const servers = await startServers();
const runs = new Map<Way, NightRun[]>(options.ways.map((way) => [way, []]));
try {
  const files = await writeFiles(folder);
  if (options.profile) await countPlanning(servers.postgres.url);
  for (let round = 1; round <= rounds; round += 1) {
    for (const way of options.ways) {
      const profileFolder = options.profile && round === rounds && way !== 'naive' ? join(folder, way) : null;
      let measured = { fromUs: 0, toUs: 0 };
      const run = await runNight(way, {
        servers,
        files,
        profileFolder,
        naiveConcurrency: options.naiveConcurrency,
        async onMeasured(between) {
          measured = between;
          if (options.profile && round === rounds && way !== 'embedded')
            await printStatements(way, servers.postgres.url);
        },
      });
      runs.get(way)?.push(run);
      tell(`round ${round}, ${ways[way]}: ${perSecond(run).toFixed(0)} listings/s`);
      if (profileFolder !== null) printProfiles(way, profileFolder, measured);
    }
  }
  console.log(`\n${listings} listings, ${availableParallelism()} processors, medians of ${rounds} rounds\n`);
  console.log(`${speedTable(runs)}\n`);
  process.exitCode = limitsKept(runs) ? 0 : 1;
} finally {
  await servers.close();
  rmSync(folder, { recursive: true, force: true });
}
