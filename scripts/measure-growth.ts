/**
 * What a listing costs as the store grows: at each size the rate and processor time of the next ten thousand, what they take
 * on disk, and how long people wait for what they ask. Exits with 1 where the cost of a listing is not level.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { explainDuring, type Plan } from './growth/plans.ts';
import { type ReadTimes, readsOf, timeReads } from './growth/reads.ts';
import { readIndexSizes, readTableSizes, type TableSize } from './growth/table-sizes.ts';
import { median } from './median.ts';
import { createListingMaker, usualNight, writeListings } from './night/listings.ts';
import { type OwnService, startOwnService } from './night/own-service.ts';
import { sum, watchProcessors } from './night/processor-time.ts';
import { sendBatch } from './night/send-batch.ts';
import { type MeasuredServers, query, startServers } from './night/servers.ts';
import { markdownTable } from './peers/markdown-table.ts';

const number = (value: string) => z.coerce.number().min(0).parse(value);
const options = new Command('measure-growth')
  .description('what a listing costs in stores of several sizes, filled through the service')
  .option('--sizes <sizes>', 'listings in the store', '10000,100000,1000000')
  .option('--measured <n>', 'listings that are measured at each size', number, 10_000)
  .option('--rounds <n>', 'parts in which they are sent, of which medians are taken', number, 5)
  .option('--night <n>', 'listings of a batch while filling', number, 50_000)
  .option('--workers <n>', 'workers', number, 1)
  .option('--repeats <n>', 'how often each read is asked', number, 200)
  .option('--most-growth <share>', 'how much more a listing may cost in the greatest store', number, 0.2)
  .option(
    '--most-read-growth <factor>',
    'said of reads that take more times the processor time there',
    number,
    2,
  )
  .option('--plans', 'print how PostgreSQL goes about what is asked of the greatest store', false)
  .showHelpAfterError()
  .parse()
  .opts<{
    sizes: string;
    measured: number;
    rounds: number;
    night: number;
    workers: number;
    repeats: number;
    mostGrowth: number;
    mostReadGrowth: number;
    plans: boolean;
  }>();

const sizes = options.sizes
  .split(',')
  .map(Number)
  .sort((a, b) => a - b);
/** A batch of so few listings is soon done, and the time between two looks would be seen. */
const askEveryMs = 20;
/** Nobody notices when a read takes so much more, milliseconds. */
const noticeableMs = 2;

/** What was measured with so many listings in the store. */
type Size = {
  listings: number;
  perSecond: number;
  /** Processors that were busy with something else. */
  others: number;
  /** Processor microseconds of a listing, by part. */
  microseconds: Record<string, number>;
  tables: TableSize[];
  reads: ReadTimes[];
};

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Sends listings of one kind of night, number after number. */
async function createFiller(service: OwnService, folder: string) {
  const make = await createListingMaker({ ...usualNight, until: new Date() }, 'g');
  let sent = 0;
  return {
    sent: () => sent,
    async send(count: number) {
      const file = join(folder, 'part.ndjson');
      await writeListings(file, make, { from: sent, count });
      sent += count;
      const since = watchProcessors(service.parts);
      const { batch, seconds } = await sendBatch(service, file, askEveryMs);
      const { took, others } = since();
      return { batchId: batch.id, perSecond: count / seconds, took, others: others / seconds };
    },
  };
}

async function measureSize(
  listings: number,
  service: OwnService & { databaseUrl: string },
  filler: Awaited<ReturnType<typeof createFiller>>,
): Promise<Size> {
  while (filler.sent() < listings) {
    const { perSecond } = await filler.send(Math.min(options.night, listings - filler.sent()));
    tell(`${filler.sent()} listings in the store; the last came at ${perSecond.toFixed(0)}/s`);
  }
  // As autovacuum does within minutes; what is measured must not hang on when it comes.
  await query(service.databaseUrl, 'vacuum analyze');
  await query(service.databaseUrl, 'checkpoint');
  const parts: Awaited<ReturnType<typeof filler.send>>[] = [];
  const rows = Math.round(options.measured / options.rounds);
  for (let round = 0; round < options.rounds; round += 1) parts.push(await filler.send(rows));
  const microseconds = (part: string) => median(parts.map(({ took }) => ((took[part] ?? 0) / rows) * 1e6));
  const tables = await readTableSizes(service.databaseUrl);
  const reads = await timeReads(
    await readsIn(service, parts.at(-1)?.batchId ?? ''),
    service.parts,
    options.repeats,
  );
  return {
    listings,
    perSecond: median(parts.map((part) => part.perSecond)),
    others: median(parts.map((part) => part.others)),
    microseconds: Object.fromEntries(Object.keys(service.parts).map((part) => [part, microseconds(part)])),
    tables,
    reads,
  };
}

async function readsIn(service: OwnService & { databaseUrl: string }, batchId: string) {
  const [middle] = await query<{ id: string }>(
    service.databaseUrl,
    'select id from listing order by id offset (select count(*) / 2 from listing) limit 1',
  );
  return await readsOf(service, { batchId, middleId: middle?.id ?? '' });
}

const allOf = (size: Size) => sum(Object.values(size.microseconds));
const bytesOf = (tables: readonly TableSize[]) =>
  tables.reduce((sum, { heap, indexes, toast }) => sum + heap + indexes + toast, 0);
const stored = (size: Size) => size.listings + options.measured;
const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
const perListing = (bytes: number, size: Size) => (bytes / stored(size)).toFixed(0);

function printSizes(measured: readonly Size[]): void {
  const parts = Object.keys(measured[0]?.microseconds ?? {});
  console.log(
    `\n### The next ${options.measured} listings, medians of ${options.rounds} parts; processor time in µs per listing\n`,
  );
  console.log(
    markdownTable(
      [
        'listings',
        'listings/s',
        ...parts,
        'all',
        'processors busy with others',
        'database MB',
        'bytes per listing',
      ],
      measured.map((size) => [
        String(size.listings),
        size.perSecond.toFixed(0),
        ...parts.map((part) => (size.microseconds[part] ?? 0).toFixed(0)),
        allOf(size).toFixed(0),
        size.others.toFixed(2),
        mega(bytesOf(size.tables)),
        perListing(bytesOf(size.tables), size),
      ]),
    ),
  );
  const last = measured.at(-1);
  if (last === undefined) return;
  console.log(`\n### On disk with ${stored(last)} listings, MB, and bytes per listing\n`);
  console.log(
    markdownTable(
      ['table', 'heap', 'indexes', 'toast', 'bytes per listing'],
      last.tables.map(({ name, heap, indexes, toast }) => [
        name,
        mega(heap),
        mega(indexes),
        mega(toast),
        perListing(heap + indexes + toast, last),
      ]),
    ),
  );
  console.log('\n### How long one waits, p50 and p99, and what processors take for it, in ms\n');
  console.log(
    markdownTable(
      ['asked for', ...measured.map(({ listings }) => `${listings} listings`)],
      last.reads.map(({ kind }) => [
        kind,
        ...measured.map(({ reads }) => {
          const of = reads.find((each) => each.kind === kind);
          return of === undefined
            ? '–'
            : `${of.p50.toFixed(1)}, ${of.p99.toFixed(1)}; ${of.processorMs.toFixed(2)}`;
        }),
      ]),
    ),
  );
}

async function printIndexes(databaseUrl: string): Promise<void> {
  const indexes = await readIndexSizes(databaseUrl);
  console.log('\n### Indexes\n');
  console.log(
    markdownTable(
      ['index', 'table', 'MB', 'scans'],
      indexes.map(({ name, table, bytes, scans }) => [name, table, mega(bytes), String(scans)]),
    ),
  );
}

function printPlans(plans: readonly Plan[]): void {
  console.log('\n### How PostgreSQL went about it, the slowest run of each statement\n');
  for (const { statement, ms, text, findings } of plans) {
    console.log(`\`${statement}\`, ${ms.toFixed(2)} ms${findings.map((each) => `, **${each}**`).join('')}\n`);
    console.log(`\`\`\`\n${text}\n\`\`\`\n`);
  }
}

/** Says whether the greatest store is as cheap as the smallest. */
function isLevel(measured: readonly Size[]): boolean {
  const [first, last] = [measured[0], measured.at(-1)];
  if (first === undefined || last === undefined || first === last) return true;
  const costs = [
    { what: 'processor time of a listing', growth: allOf(last) / allOf(first) },
    { what: 'time of a listing, sent to stored', growth: first.perSecond / last.perSecond },
    {
      what: 'bytes of a listing on disk',
      growth: bytesOf(last.tables) / stored(last) / (bytesOf(first.tables) / stored(first)),
    },
  ].map((cost) => ({ ...cost, most: 1 + options.mostGrowth }));
  // By what processors take, since how long one waits hangs on whatever else a machine does.
  const waits = last.reads.map(({ kind, processorMs }) => {
    const before = first.reads.find((each) => each.kind === kind)?.processorMs ?? Number.NaN;
    const growth = processorMs / before;
    const most = processorMs - before < noticeableMs ? Number.POSITIVE_INFINITY : options.mostReadGrowth;
    return { what: `processor time of a read: ${kind}`, growth, most };
  });
  let level = true;
  console.log('');
  for (const { what, growth, most } of [...costs, ...waits]) {
    const keeps = growth <= most;
    // Reads that count what waits, or look at one hour of a store filled within it, must grow; that is said, and no failure.
    if (costs.some((cost) => cost.what === what)) level &&= keeps;
    console.log(
      `${keeps ? 'level' : 'GROWS'}: ${what}: times ${growth.toFixed(2)} from ${first.listings} to ${last.listings} listings${Number.isFinite(most) ? `, at most ${most}` : ', too little to matter'}`,
    );
  }
  return level;
}

async function measureAll(servers: MeasuredServers, service: OwnService, folder: string): Promise<void> {
  const { databaseUrl } = service;
  if (databaseUrl === null) throw new Error('an embedded store was started');
  const onServer = { ...service, databaseUrl };
  const filler = await createFiller(service, folder);
  const measured: Size[] = [];
  for (const listings of sizes) measured.push(await measureSize(listings, onServer, filler));
  printSizes(measured);
  await printIndexes(databaseUrl);
  if (options.plans) {
    const { batchId } = await filler.send(200);
    const reads = await readsIn(onServer, batchId);
    const plans = await explainDuring(servers, databaseUrl, async () => {
      await timeReads(reads, service.parts, 2);
      await filler.send(1_000);
    });
    printPlans(plans);
  }
  process.exitCode = isLevel(measured) ? 0 : 1;
}

const folder = mkdtempSync(join(tmpdir(), 'saring-growth-'));
tell('starting PostgreSQL, Redis and saring');
const servers = await startServers();
try {
  const service = await startOwnService(servers, { workers: options.workers, profileFolder: null });
  try {
    await measureAll(servers, service, folder);
  } finally {
    await service.stop();
  }
} finally {
  await servers.close();
  rmSync(folder, { recursive: true, force: true });
}
