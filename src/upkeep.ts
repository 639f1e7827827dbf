import type { Logger } from 'pino';
import type { JobQueue } from './queue/job-queue.ts';
import type { Store } from './store/db.ts';
import { dropOldAnswers } from './store/idempotency.ts';
import { addWork, dropOldWork, finishWork } from './store/work.ts';

/** The timer that asks for upkeep. */
export type Upkeep = { stop(): void };

/** Does the regular housework: forgets old answers and old work, and writes a snapshot of an embedded database. */
export function upkeepHandler(store: Store): (work: { id: string }) => Promise<void> {
  return async (work) => {
    await dropOldAnswers(store.db);
    await dropOldWork(store.db);
    await store.snapshot();
    await finishWork(store.db, work.id);
  };
}

/**
 * Asks for upkeep once in every `everyMs` milliseconds. The time slot is the work's key, so of many processes one
 * does it.
 */
export function scheduleUpkeep(deps: {
  store: Store;
  queue: JobQueue;
  everyMs: number;
  log: Logger;
}): Upkeep {
  const ask = async () => {
    const slot = Math.floor(Date.now() / deps.everyMs);
    const key = `${deps.everyMs}-${slot}`;
    const workId = await addWork(deps.store.db, { lane: 'upkeep', key, payload: {} });
    if (workId !== null) await deps.queue.ring([{ lane: 'upkeep', workId }]);
  };
  const timer = setInterval(() => {
    ask().catch((error: unknown) => deps.log.error({ err: error }, 'upkeep could not be asked for'));
  }, deps.everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
