import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { AppError } from '../domain/app-error.ts';
import { type JobQueue, type Lane, lanes, standardGraceMs } from './job-queue.ts';

/** How long the ringing side waits for Redis; the work is written down, so it need not wait long. */
const commandTimeoutMs = 2_000;
/** A bell that stalls (its worker died) is handed on as often as it takes: giving up is the ledger's to decide. */
const maxStalledCount = 1_000_000;

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
  const { prefix = 'saring', onError } = options;
  // The ringing side fails fast, so that a request never hangs on a Redis that is away.
  const ringing = new Redis(options.redisUrl, {
    enableOfflineQueue: false,
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 1,
  });
  // Workers wait for Redis to come back, for ever.
  const working = new Redis(options.redisUrl, { maxRetriesPerRequest: null });
  ringing.on('error', onError);
  working.on('error', onError);
  const workers: Worker[] = [];
  const abort = new AbortController();

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
  const queues: Record<Lane, Queue> = { assess: openQueue('assess'), upkeep: openQueue('upkeep') };

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
    async listen(handler, { concurrency }) {
      for (const lane of lanes) {
        const worker = new Worker(
          lane,
          async (job) => {
            // Caught here, so that the ledger alone counts attempts.
            await handler({ lane, workId: job.id ?? '' }, abort.signal).catch(onError);
          },
          { connection: working, prefix, concurrency, maxStalledCount, skipVersionCheck: true },
        );
        worker.on('error', onError);
        workers.push(worker);
      }
    },
    async depth() {
      const count = async (lane: Lane) => {
        const counts = await reach(queues[lane].getJobCounts('waiting', 'active', 'prioritized', 'delayed'));
        return Object.values(counts).reduce((sum, each) => sum + each, 0);
      };
      return { assess: await count('assess'), upkeep: await count('upkeep') };
    },
    async check() {
      await reach(ringing.ping());
    },
    async close({ graceMs = standardGraceMs } = {}) {
      const grace = setTimeout(() => abort.abort(), graceMs);
      const away = working.status !== 'ready';
      await Promise.all(workers.map((worker) => worker.close(away)));
      clearTimeout(grace);
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
