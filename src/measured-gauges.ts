import { statfs } from 'node:fs/promises';
import { Gauge, type Registry } from 'prom-client';
import { type JobQueue, lanes } from './queue/job-queue.ts';
import { measureReviews } from './review/measure-reviews.ts';
import type { Store } from './store/db.ts';
import { measureBatches, measureLanes } from './store/measure-backlog.ts';

/** Where the measured gauges read. */
export type Measured = {
  store: Store;
  queue: JobQueue;
  /** Folders whose disks must not run full, by name. */
  folders: Readonly<Record<string, string>>;
};

/** One source of gauges: what it sets, and how they are read. */
type Part = { name: string; gauges: Gauge[]; measure(): Promise<void> };

/** The longest that a page waits for a database, a queue or a disk that does not answer, milliseconds. */
const patienceMs = 2_000;
/** A question that has not been answered for this long is asked anew: its connection may be dead. */
const forgottenAfterMs = 30_000;

/**
 * Gauges that are read when the page is asked for. A part that does not answer in two seconds is left out, and
 * `saring_up` says so; while its answer is outstanding it is not asked again, so pages never pile up questions.
 *
 * @returns reads all of them
 */
export function createMeasuredGauges(
  registry: Registry,
  { store, queue, folders }: Measured,
): () => Promise<void> {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const up = gauge('saring_up', 'Whether the part answered in time; 0 leaves its gauges out', ['part']);
  const asked = new Map<string, { since: number; answer: Promise<void> }>();

  function answerOf({ name, measure }: Part): Promise<void> {
    const before = asked.get(name);
    if (before !== undefined && Date.now() - before.since < forgottenAfterMs) return before.answer;
    const question = { since: Date.now(), answer: measure() };
    asked.set(name, question);
    const forget = () => {
      if (asked.get(name) === question) asked.delete(name);
    };
    question.answer.then(forget, forget);
    return question.answer;
  }

  async function read(part: Part): Promise<void> {
    try {
      await within(patienceMs, answerOf(part));
      up.set({ part: part.name }, 1);
    } catch {
      for (const each of part.gauges) {
        each.reset();
        // One without labels is 0 after a reset, which would be a lie.
        each.remove({});
      }
      up.set({ part: part.name }, 0);
    }
  }

  const parts = [
    databasePart(store, gauge),
    queuePart(queue, gauge),
    ...(Object.keys(folders).length === 0 ? [] : [diskPart(folders, gauge)]),
  ];
  const connections = gauge('saring_database_connections', 'Connections to PostgreSQL, by state', ['state']);
  const waiting = gauge('saring_database_waiting', 'Queries that wait for a connection');
  return async () => {
    const pool = store.connections();
    if (pool !== null) {
      connections.set({ state: 'busy' }, pool.busy);
      connections.set({ state: 'idle' }, pool.idle);
      connections.set({ state: 'most' }, pool.most);
      waiting.set(pool.waiting);
    }
    await Promise.all(parts.map(read));
  };
}

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge;

function databasePart({ db }: Store, gauge: MakeGauge): Part {
  const work = gauge('saring_work', 'Background work by lane, counted up to 100,000 each', ['lane', 'state']);
  const oldestWork = gauge(
    'saring_work_oldest_due_seconds',
    'For how long the oldest due work has been due',
    ['lane'],
  );
  const batches = gauge('saring_batches', 'Batches that are uploaded, or whose rows wait to be scored', [
    'state',
  ]);
  const oldestUpload = gauge(
    'saring_batches_oldest_upload_seconds',
    'Since the oldest upload under way began',
  );
  const reviews = gauge('saring_reviews', 'Reviews that wait, and of these the ones a reviewer holds', [
    'state',
  ]);
  const oldestReview = gauge('saring_reviews_oldest_seconds', 'Age of the oldest waiting review');
  return {
    name: 'database',
    gauges: [work, oldestWork, batches, oldestUpload, reviews, oldestReview],
    async measure() {
      // One after another: a page must not take every connection from requests.
      for (const { lane, pending, failed, oldestDueSeconds } of await measureLanes(db, lanes)) {
        work.set({ lane, state: 'pending' }, pending);
        work.set({ lane, state: 'failed' }, failed);
        oldestWork.set({ lane }, oldestDueSeconds);
      }
      const { receiving, scoring, oldestReceivingSeconds } = await measureBatches(db);
      batches.set({ state: 'receiving' }, receiving);
      batches.set({ state: 'scoring' }, scoring);
      oldestUpload.set(oldestReceivingSeconds);
      const { waiting, claimed, oldestSeconds } = await measureReviews(db);
      reviews.set({ state: 'waiting' }, waiting);
      reviews.set({ state: 'claimed' }, claimed);
      oldestReview.set(oldestSeconds);
    },
  };
}

function queuePart(queue: JobQueue, gauge: MakeGauge): Part {
  const bells = gauge('saring_queue_bells', 'Bells of the queue not yet answered, by lane', ['lane']);
  return {
    name: 'queue',
    gauges: [bells],
    async measure() {
      for (const [lane, count] of Object.entries(await queue.depth())) bells.set({ lane }, count);
    },
  };
}

function diskPart(folders: Measured['folders'], gauge: MakeGauge): Part {
  const free = gauge('saring_disk_free_bytes', 'Free on the disk of a folder', ['folder']);
  const size = gauge('saring_disk_size_bytes', 'Size of the disk of a folder', ['folder']);
  return {
    name: 'disk',
    gauges: [free, size],
    async measure() {
      for (const [folder, path] of Object.entries(folders)) {
        const { bavail, blocks, bsize } = await statfs(path);
        free.set({ folder }, bavail * bsize);
        size.set({ folder }, blocks * bsize);
      }
    },
  };
}

async function within(ms: number, doing: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([doing, late]);
  } finally {
    clearTimeout(timer);
  }
}
