import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { AppError } from '../domain/app-error.ts';
import { byLane, type JobQueue, type Lane, lanes, standardGraceMs } from './job-queue.ts';

/** How long the ringing side waits for Redis; the work is written down, so it need not wait long. */
const commandTimeoutMs = 2_000;
/** A bell that stalls (its worker died) is handed on as often as it takes: giving up is the ledger's to decide. */
const maxStalledCount = 1_000_000;
/** How long a connection that is given up may take to say goodbye, milliseconds; a frozen Redis never does. */
const disconnectTimeout = 500;

/**
 * A queue in Redis for many processes, one BullMQ queue per lane.
 *
 * @param options.prefix keeps the keys of several installations on one Redis apart
 * @param options.onError hears of handlers that throw and of a Redis that is away; both mend themselves
 */
export async function createBullmqQueue(options: {
  redisUrl: string;
  prefix?: string;
  onError(error: unknown): void;
}): Promise<JobQueue> {
  const { prefix = 'saring' } = options;
  const reported = new WeakSet<object>();
  // One fault of a shared connection reaches every queue and worker on it; it is told once.
  const onError = (error: unknown) => {
    if (typeof error === 'object' && error !== null) {
      if (reported.has(error)) return;
      reported.add(error);
    }
    options.onError(error);
  };
  // The ringing side fails fast, so that a request never hangs on a Redis that is away.
  const ringing = new Redis(options.redisUrl, {
    enableOfflineQueue: false,
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 1,
    disconnectTimeout,
  });
  // Workers wait for Redis to come back, for ever.
  const working = new Redis(options.redisUrl, { maxRetriesPerRequest: null, disconnectTimeout });
  ringing.on('error', onError);
  working.on('error', onError);
  const workers: Worker[] = [];
  const inHand = new Set<Promise<void>>();
  /** Work ids whose end Redis has not yet confirmed. */
  const unconfirmed = new Set<string>();
  const abort = new AbortController();
  const allConfirmed = Promise.withResolvers<void>();
  let closed = false;

  function forget(workIds: Iterable<string>): void {
    for (const id of workIds) unconfirmed.delete(id);
    if (closed && unconfirmed.size === 0) allConfirmed.resolve();
  }
  // A Redis that went away confirms nothing that was under way.
  working.on('close', () => forget([...unconfirmed]));

  function openQueue(lane: Lane): Queue {
    const queue = new Queue(lane, {
      connection: ringing,
      prefix,
      skipWaitingForReady: true,
      skipVersionCheck: true,
    });
    queue.on('error', onError);
    return queue;
  }
  // Until it is connected, the ringing side refuses; one that is away now is tried again in the background.
  await withTimeout(new Promise<void>((resolve) => ringing.once('ready', () => resolve()))).catch(onError);
  const queues = byLane(openQueue);

  async function reach<T>(doing: Promise<T>): Promise<T> {
    try {
      return await withTimeout(doing);
    } catch (cause) {
      throw new AppError('QUEUE_UNREACHABLE', 503, 'Redis does not answer; check REDIS_URL and the server', {
        cause,
      });
    }
  }

  return {
    async ring(bells) {
      for (const lane of lanes) {
        const jobs = bells
          .filter((bell) => bell.lane === lane)
          .map(({ workId }) => ({
            name: lane,
            data: {},
            opts: { jobId: workId, removeOnComplete: true, removeOnFail: true, attempts: 1 },
          }));
        if (jobs.length > 0) await reach(queues[lane].addBulk(jobs));
      }
    },
    async listen(handler, { concurrency, ofLane }) {
      for (const lane of lanes) {
        const worker = new Worker(
          lane,
          async (job) => {
            // A bell that was on its way when the queue closed is dropped; the reconciler rings again.
            if (closed || job.id === undefined) return;
            unconfirmed.add(job.id);
            // Caught here, so that the ledger alone counts attempts.
            const answered = handler({ lane, workId: job.id }, abort.signal).catch(onError);
            inHand.add(answered);
            await answered.finally(() => inHand.delete(answered));
          },
          {
            connection: working,
            prefix,
            concurrency: ofLane?.[lane] ?? concurrency,
            maxStalledCount,
            skipVersionCheck: true,
          },
        );
        worker.on('error', onError);
        worker.on('completed', ({ id = '' }) => forget([id]));
        workers.push(worker);
      }
    },
    async depth() {
      const depths = byLane(() => 0);
      for (const lane of lanes) {
        const counts = await reach(queues[lane].getJobCounts('waiting', 'active', 'prioritized', 'delayed'));
        depths[lane] = Object.values(counts).reduce((sum, each) => sum + each, 0);
      }
      return depths;
    },
    async check() {
      await reach(ringing.ping());
    },
    async close({ graceMs = standardGraceMs } = {}) {
      closed = true;
      const grace = setTimeout(() => abort.abort(), graceMs);
      await Promise.all(workers.map((worker) => worker.pause(true)));
      await Promise.all(inHand);
      clearTimeout(grace);
      if (working.status === 'ready' && unconfirmed.size > 0)
        await withTimeout(allConfirmed.promise).catch(onError);
      // By force, since BullMQ's gentle close waits for ever when Redis dies or freezes under it; all that it would
      // wait for has ended.
      await Promise.all(workers.map((worker) => worker.close(true)));
      await Promise.all(lanes.map((lane) => queues[lane].close()));
      ringing.disconnect();
      working.disconnect();
    },
  };
}

async function withTimeout<T>(doing: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${commandTimeoutMs} ms`)), commandTimeoutMs);
  });
  try {
    return await Promise.race([doing, late]);
  } finally {
    clearTimeout(timer);
  }
}
