import {
  type Bell,
  type BellHandler,
  byLane,
  type Concurrency,
  type JobQueue,
  type Lane,
  lanes,
  standardGraceMs,
} from './job-queue.ts';

type LaneState = { waiting: Map<string, Bell>; running: number };

/**
 * A queue in memory, for one process. Each lane has its own places, so a long line in one never holds up another;
 * a bell that already waits is not added again, which bounds memory by the work ledger.
 *
 * @param options.onError hears of handlers that throw; the queue goes on
 */
export function createInProcessQueue(options: { onError(error: unknown): void }): JobQueue {
  const states = byLane((): LaneState => ({ waiting: new Map(), running: 0 }));
  const inHand = new Set<Promise<void>>();
  const abort = new AbortController();
  let listener: ({ handler: BellHandler } & Concurrency) | null = null;
  let closed = false;

  function startWaiting(lane: Lane): void {
    const state = states[lane];
    const most = listener?.ofLane?.[lane] ?? listener?.concurrency ?? 0;
    while (listener !== null && !closed && state.running < most) {
      const [next] = state.waiting.values();
      if (next === undefined) return;
      state.waiting.delete(next.workId);
      state.running += 1;
      const answered = answer(listener.handler, next).finally(() => {
        state.running -= 1;
        inHand.delete(answered);
        startWaiting(lane);
      });
      inHand.add(answered);
    }
  }

  async function answer(handler: BellHandler, bell: Bell): Promise<void> {
    try {
      // An embedded database answers without the event loop turning; whoever asks for something gets a turn here.
      await new Promise((resolve) => setImmediate(resolve));
      await handler(bell, abort.signal);
    } catch (error) {
      options.onError(error);
    }
  }

  return {
    async ring(bells) {
      if (closed) return;
      for (const bell of bells) states[bell.lane].waiting.set(bell.workId, bell);
      for (const lane of lanes) startWaiting(lane);
    },
    async listen(handler, concurrency) {
      listener = { handler, ...concurrency };
      for (const lane of lanes) startWaiting(lane);
    },
    async depth() {
      return byLane((lane) => states[lane].waiting.size + states[lane].running);
    },
    async check() {
      // Memory can always be reached.
    },
    async close({ graceMs = standardGraceMs } = {}) {
      closed = true;
      for (const lane of lanes) states[lane].waiting.clear();
      const grace = setTimeout(() => abort.abort(), graceMs);
      await Promise.all(inHand);
      clearTimeout(grace);
    },
  };
}
