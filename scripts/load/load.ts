/**
 * Drives a running service as its users do: analysts at a fixed rate, reviewers, and batch jobs. Prints for each kind how
 * many requests there were, how many failed and how long they took, without a batch running and with batches running. Exits
 * with 1 when a limit is passed.
 */
import { mkdtempSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { createRandom } from '../../src/classifier/random.ts';
import type { Role } from '../../src/domain/role.ts';
import { createListingMaker, usualNight } from '../night/listings.ts';
import { type OwnService, startEmbedded, startOwnService } from '../night/own-service.ts';
import { watchProcessors } from '../night/processor-time.ts';
import { monotonicUs } from '../night/profile.ts';
import type { Service } from '../night/send-batch.ts';
import { type MeasuredServers, startServers } from '../night/servers.ts';
import { startAnalysts } from './analysts.ts';
import { type BatchJobs, startBatchJobs } from './batch-jobs.ts';
import { type Caller, createClient } from './client.ts';
import { createLatencies, type Latencies } from './latencies.ts';
import { readLoopDelay } from './loop-delay.ts';
import { type Phase, printPhase, printProfile } from './phase.ts';
import { startReviewers } from './reviewers.ts';

const number = (value: string) => z.coerce.number().min(0).parse(value);
const options = new Command('load')
  .description(
    'Drives a service as its users do and prints how it fared; its own service unless --url names one.',
  )
  .option('--url <address>', 'a running service')
  .option('--key <key>', 'an admin key of it; keys for the callers are made with it and revoked at the end')
  .option('--embedded', 'its own service is one process with an embedded store', false)
  .option('--workers <n>', 'workers of its own service', number, 1)
  .option(
    '--worker-nice <n>',
    'niceness of its own workers, 0 to 19: how readily they let others go first',
    number,
    0,
  )
  .option('--profile', 'print where its own service spends its time while batches run', false)
  .option('--seconds <n>', 'time measured without and with batches, each', number, 60)
  .option('--warm-up <n>', 'seconds of the same before, unmeasured', number, 10)
  .option('--rate <n>', "analysts' requests per second", number, 200)
  .option('--analysts <n>', 'how many analysts these come from', number, 20)
  .option('--reviewers <n>', 'reviewers at work', number, 5)
  .option(
    '--batches <sizes>',
    'rows of batches, each size sent again and again; 0 for none',
    '500,5000,50000',
  )
  .option('--most-analysts-p99 <ms>', "limit of the analysts' 99th percentile, milliseconds", number, 50)
  .option('--most-reviewers-p99 <ms>', "limit of the reviewers' 99th percentile, milliseconds", number)
  .option('--most-errors <n>', 'limit of failed requests', number, 0)
  .option('--least-rate <share>', "the least share of the analysts' rate that must be answered", number, 0.95)
  .showHelpAfterError()
  .parse()
  .opts<{
    url?: string;
    key?: string;
    embedded: boolean;
    workers: number;
    workerNice: number;
    profile: boolean;
    seconds: number;
    warmUp: number;
    rate: number;
    analysts: number;
    reviewers: number;
    batches: string;
    mostAnalystsP99: number;
    mostReviewersP99?: number;
    mostErrors: number;
    leastRate: number;
  }>();

const sizes = options.batches
  .split(',')
  .map(Number)
  .filter((size) => size > 0);
/** So that a service may be driven again and again. */
const run = Date.now().toString(36);

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

const Key = z.object({ secret: z.string() });

async function drive(service: Service, own: OwnService | null): Promise<Phase[]> {
  let latencies = createLatencies();
  let lateness = createLatencies();
  const client = createClient(service.address, latencies);
  const admin = { name: 'admin', key: service.key };
  const callers: Caller[] = [];
  const newCallers = async (role: Role, count: number): Promise<Caller[]> => {
    const fresh: Caller[] = [];
    for (let n = 1; n <= count; n += 1) {
      const name = `load ${run} ${role} ${n}`;
      const key = await client.ask(
        { kind: 'keys', method: 'POST', path: '/v1/keys', body: { name, role }, caller: admin },
        Key,
      );
      if (key === null) throw new Error([...latencies.errors().keys()].join('\n'));
      fresh.push({ name, key: key.secret });
    }
    callers.push(...fresh);
    return fresh;
  };
  const analysts = await newCallers('analyst', options.analysts);
  const reviewers = await newCallers('reviewer', options.reviewers);
  const [batchCaller] = await newCallers('batch', 1);
  if (batchCaller === undefined) throw new Error('no key was made');
  const make = await createListingMaker({ ...usualNight, seed: 2, until: new Date() }, `${run}-a`);
  const startJobs = (prefix: string, jobSizes: readonly number[]) =>
    startBatchJobs({
      address: service.address,
      caller: batchCaller,
      prefix: `${run}-${prefix}`,
      sizes: jobSizes,
      latencies: () => latencies,
    });

  /** Has times go to a place of their own from now on; answers still to come are of the time when they were asked for. */
  function turn(): { latencies: Latencies; lateness: Latencies } {
    latencies = createLatencies();
    lateness = createLatencies();
    client.measureInto(latencies);
    return { latencies, lateness };
  }

  async function phase(name: string, seconds: number, jobs: BatchJobs | null): Promise<Phase> {
    await readLoopDelay(service.address); // what it tells is since it was last asked
    const times = turn();
    const scoredBefore = jobs?.scored() ?? 0;
    const since = watchProcessors(own?.parts ?? {});
    const [began, fromUs] = [performance.now(), monotonicUs()];
    await sleep(seconds);
    turn();
    const between = { fromUs, toUs: monotonicUs() };
    const took = (performance.now() - began) / 1_000;
    const rowsPerSecond = jobs === null ? null : (jobs.scored() - scoredBefore) / took;
    const processor = since();
    const loopDelay = await readLoopDelay(service.address);
    return { name, seconds: took, ...times, rowsPerSecond, processor, loopDelay, between };
  }

  tell('warming up');
  const warming = await startJobs('w', [2_000]);
  const atWork = [
    startAnalysts({
      client,
      analysts,
      requestsPerSecond: options.rate,
      make,
      random: createRandom(5),
      latencies: () => latencies,
      lateness: () => lateness,
    }),
    startReviewers({ client, reviewers, random: createRandom(6) }),
  ];
  const phases: Phase[] = [];
  try {
    await phase('warming up', options.warmUp, warming);
    await warming.stop();
    await sleep(1);
    tell(`${options.seconds} s without a batch`);
    phases.push(await phase('Without a batch', options.seconds, null));
    if (sizes.length > 0) {
      const jobs = await startJobs('b', sizes);
      tell(`${options.seconds} s while batches of ${sizes.join(', ')} rows are sent`);
      phases.push(await phase('While batches run', options.seconds, jobs));
      await jobs.stop();
    }
  } finally {
    await Promise.all(atWork.map((each) => each.stop()));
  }
  for (const { name } of callers) {
    const path = `/v1/keys/${encodeURIComponent(name)}`;
    await client.ask({ kind: 'keys', method: 'DELETE', path, caller: admin }, z.null());
  }
  await client.close();
  return phases;
}

/** Says of every limit whether it is kept; the time with batches counts where there was one. */
function limitsKept(phase: Phase): boolean {
  const { latencies, seconds } = phase;
  const analysts = latencies.summarise('analyst');
  const limits = [
    { what: "analysts' p99, ms", value: analysts.p99, most: options.mostAnalystsP99 },
    {
      what: "reviewers' p99, ms",
      value: latencies.summarise('reviewer').p99,
      most: options.mostReviewersP99,
    },
    { what: 'errors', value: latencies.summarise('').errors, most: options.mostErrors },
    {
      what: "analysts' requests not answered in time, share",
      value: 1 - (analysts.requests - analysts.errors) / (options.rate * seconds),
      most: 1 - options.leastRate,
    },
  ];
  let kept = true;
  for (const { what, value, most } of limits) {
    if (most === undefined) continue;
    const keeps = value <= most;
    kept &&= keeps;
    console.log(
      `${keeps ? 'kept' : 'MISSED'}: ${what}: ${value.toFixed(2)}, at most ${Number(most.toFixed(3))}`,
    );
  }
  return kept;
}

/** Its users sit at other machines: what is measured must not be that they wait for a processor of this one. */
function goFirst(): void {
  try {
    setPriority(-10);
  } catch {
    tell(
      'this client may not go before others on this machine (setpriority): its own waiting is measured too',
    );
  }
}

/** A service of this run's own (an embedded one leaves the servers idle), which has to be stopped before its profiles can be read. */
type Own = { servers: MeasuredServers; service: OwnService; profileFolder: string | null };

async function startOwn(): Promise<Own> {
  tell('starting PostgreSQL, Redis and saring');
  const servers = await startServers();
  try {
    const profileFolder = options.profile ? mkdtempSync(join(servers.folder, 'profile-')) : null;
    const service = options.embedded
      ? await startEmbedded(servers, { profileFolder })
      : await startOwnService(servers, { workers: options.workers, profileFolder });
    for (const pid of service.parts.worker ?? []) setPriority(pid, options.workerNice);
    return { servers, service, profileFolder };
  } catch (error) {
    await servers.close();
    throw error;
  }
}

const { url, key } = options;
if ((url === undefined) !== (key === undefined)) {
  tell('--url and --key belong together');
  process.exit(2);
}
const own = url === undefined ? await startOwn() : null;
goFirst();
let phases: Phase[] = [];
try {
  const service = own?.service ?? { address: url ?? '', key: key ?? '' };
  phases = await drive(service, own?.service ?? null);
} finally {
  await own?.service.stop();
  const last = phases.at(-1);
  if (last !== undefined && own !== null && own.profileFolder !== null) printProfile(own.profileFolder, last);
  await own?.servers.close();
}
phases.forEach(printPhase);
console.log('');
const last = phases.at(-1);
process.exitCode = last !== undefined && limitsKept(last) ? 0 : 1;
