import type { Logger } from 'pino';
import type { Bell, Concurrency, JobQueue, Lane } from './job-queue.ts';

/** Work that has been taken for this process. */
type WorkRecord = {
  id: string;
  lane: Lane;
  payload: unknown;
  /** This one included; */
  attempts: number;
  /** and of these, how many ended with neither success nor failure. */
  abandoned: number;
  turn: number;
  /** Since it was written down, when it was taken. */
  ageSeconds: number;
};

/** How a try can end. */
export const workOutcomes = ['done', 'put-off', 'failed', 'divided', 'given-up'] as const;

/** The end of a try: how, after how long in hand, and how long after the work was written down. */
export type WorkEnd = {
  lane: Lane;
  outcome: (typeof workOutcomes)[number];
  seconds: number;
  ageSeconds: number;
};

/** The record that bells speak of; the store keeps it. */
type WorkLedger = {
  /** Takes the work of a lane whose turn it is for `leaseMs`; null when none is pending, due and free. */
  take(lane: Lane, leaseMs: number): Promise<WorkRecord | null>;
  /** Prolongs the lease; false when the work is no longer this taker's. */
  renew(work: WorkRecord, leaseMs: number): Promise<boolean>;
  /** Puts work back for `retryMs`, or gives it up when that is null. */
  fail(work: WorkRecord, error: string, retryMs: number | null): Promise<void>;
  /** Work that is pending, due and not held; at most `limit` of each lane. */
  overdue(limit: number): Promise<Bell[]>;
};

/** Does one piece of work and marks it done itself, in the transaction that holds its effects. */
export type WorkHandler = (work: WorkRecord, signal: AbortSignal) => Promise<void>;

/**
 * Replaces work that fails again and again by smaller pieces, so that what is sound in it gets done.
 *
 * @returns false where it is one piece
 */
export type WorkDivider = (work: WorkRecord) => Promise<boolean>;

/** Work that no retry can help is failed at once. */
export class UnrecoverableError extends Error {
  override name = 'UnrecoverableError';
}

/** Work that its handler puts off until a time. It is never given up for that: whether to go on is the handler's to say. */
export class NotBeforeError extends Error {
  override name = 'NotBeforeError';
  readonly afterMs: number;

  /** @param afterMs milliseconds from now */
  constructor(message: string, afterMs: number, options: { cause: unknown }) {
    super(message, options);
    this.afterMs = afterMs;
  }
}

export type RunnerOptions = {
  queue: JobQueue;
  ledger: WorkLedger;
  handlers: Record<Lane, WorkHandler>;
  dividers?: Partial<Record<Lane, WorkDivider>>;
  /** Tries of one piece of work before it is given up. */
  maxAttempts: number;
  /** Pieces of work at a time in this process. */
  concurrency: Concurrency;
  reconcileEveryMs: number;
  /** How long taken work is held without a sign of life, milliseconds. */
  leaseMs?: number;
  /** Hears of every try that ends. */
  onWork?(end: WorkEnd): void;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
};

/** Joins bells and record in one process. */
export type Runner = {
  start(): Promise<void>;
  /** Rings for everything that is overdue; resolves to how many bells. */
  reconcile(): Promise<number>;
  /** Stops the reconciler; the queue's own `close` waits for work in hand. */
  close(): Promise<void>;
};

const standardLeaseMs = 30_000;
const firstRetryMs = 1_000;
const longestRetryMs = 5 * 60_000;
/** Attempts after which work is divided: whatever passes has most often passed by then. */
const dividedAfter = 3;
/** Enough to fill every process; the rest is rung for in the next turn. */
const bellsPerReconcile = 1_000;

/** Waiting time after the given number of failed attempts, doubling from one second up to five minutes. */
export function retryDelayMs(attempts: number): number {
  return Math.min(firstRetryMs * 2 ** (attempts - 1), longestRetryMs);
}

/**
 * Takes the work that bells speak of, retries what fails with growing waits, and rings again on start and on a
 * timer for whatever was lost on the way.
 */
export function createRunner(options: RunnerOptions): Runner {
  const { queue, ledger, handlers, log, leaseMs = standardLeaseMs, onWork } = options;
  let timer: NodeJS.Timeout | null = null;
  let reconciling: Promise<number> | null = null;

  async function run({ lane }: Bell, signal: AbortSignal): Promise<void> {
    const work = await ledger.take(lane, leaseMs);
    if (work === null) return;
    const takenAt = performance.now();
    let outcome: WorkEnd['outcome'] = 'done';
    const renewal = setInterval(() => {
      ledger
        .renew(work, leaseMs)
        .catch((error: unknown) => log.warn({ err: error, workId: work.id }, 'lease not renewed'));
    }, leaseMs / 3);
    try {
      if (work.abandoned >= options.maxAttempts)
        throw new UnrecoverableError(`${work.abandoned} processes that took it ended before it was done`);
      await handlers[lane](work, signal);
    } catch (error) {
      outcome = 'failed';
      outcome = await putBack(work, error);
    } finally {
      clearInterval(renewal);
      const seconds = (performance.now() - takenAt) / 1000;
      onWork?.({ lane, outcome, seconds, ageSeconds: work.ageSeconds + seconds });
    }
  }

  /** Has work tried again later, in pieces, or never, as its error asks for. */
  async function putBack(work: WorkRecord, error: unknown): Promise<WorkEnd['outcome']> {
    const putOffMs = error instanceof NotBeforeError ? error.afterMs : null;
    const hopeless = error instanceof UnrecoverableError;
    const about = { workId: work.id, lane: work.lane, attempts: work.attempts };
    if (putOffMs === null && (hopeless || work.attempts >= dividedAfter) && (await divide(work))) {
      log.error({ err: error, ...about }, 'work failed; its pieces are tried one by one');
      return 'divided';
    }
    const lost = putOffMs === null && (hopeless || work.attempts >= options.maxAttempts);
    const retryMs = lost ? null : Math.max(retryDelayMs(work.attempts), putOffMs ?? 0);
    // A failure that was foreseen, such as a server that is away, is no fault of ours to be shown whole.
    if (error instanceof NotBeforeError)
      log.info({ ...about, retryMs, reason: error.message }, 'work put off');
    else log.error({ err: error, ...about, retryMs }, lost ? 'work given up' : 'work failed');
    await ledger.fail(work, error instanceof Error ? error.message : String(error), retryMs);
    return lost ? 'given-up' : putOffMs === null ? 'failed' : 'put-off';
  }

  async function divide(work: WorkRecord): Promise<boolean> {
    const divider = options.dividers?.[work.lane];
    if (divider === undefined) return false;
    return await divider(work).catch((error: unknown) => {
      log.warn({ err: error, workId: work.id }, 'work could not be divided');
      return false;
    });
  }

  async function ringOverdue(): Promise<number> {
    const bells = await ledger.overdue(bellsPerReconcile);
    if (bells.length > 0) await queue.ring(bells);
    return bells.length;
  }

  async function reconcile(): Promise<number> {
    reconciling ??= ringOverdue().finally(() => {
      reconciling = null;
    });
    return await reconciling;
  }

  return {
    reconcile,
    async start() {
      await queue.listen(run, options.concurrency);
      timer = setInterval(() => {
        reconcile().catch((error: unknown) => log.warn({ err: error }, 'reconciler failed'));
      }, options.reconcileEveryMs);
      timer.unref();
      // A queue that is away at the start must not keep the service down; the timer tries again.
      await reconcile().catch((error: unknown) => log.warn({ err: error }, 'reconciler failed'));
    },
    async close() {
      if (timer !== null) clearInterval(timer);
      await reconciling?.catch(() => undefined);
    },
  };
}
