import { Worker } from 'node:worker_threads';
import type { BackendChoice } from '../classifier/backend.ts';
import { AppError } from '../domain/app-error.ts';
import { holdYoungHeap } from './hold-young-heap.ts';
import { type Block, createRowScorer, type ResultFormat, type ScoredBlock } from './score-rows.ts';

export type LaneOptions = { modelDir: string; backend: BackendChoice; format: ResultFormat };

/** Where blocks are scored: in this thread, or in several of their own. */
export type Lanes = {
  /** How many blocks to hand over before waiting for the first: enough that no lane is idle. */
  ahead: number;
  score(block: Block): Promise<ScoredBlock>;
  close(): Promise<void>;
};

/** V8's heap for new objects in each thread: it would grow to six times that and save no time. */
const youngHeapMib = 8;
/** Blocks that wait in each thread, so that it has the next one when it is done. */
const blocksPerThread = 2;

/**
 * Opens lanes. With one thread, that is this one.
 *
 * @throws AppError MODEL_INVALID or BACKEND_UNAVAILABLE; with several threads, when the first block is scored
 */
export async function openLanes(threads: number, options: LaneOptions): Promise<Lanes> {
  if (threads > 1) return openThreads(threads, options);
  holdYoungHeap();
  const { loadClassifier } = await import('../classifier/classifier.ts'); // which other threads need, not this one
  const classifier = await loadClassifier(options);
  const score = createRowScorer(classifier, options.format);
  return {
    ahead: 1,
    score: (block) => Promise.resolve(score(block)),
    close: () => Promise.resolve(classifier.close()),
  };
}

function openThreads(threads: number, options: LaneOptions): Lanes {
  const lanes = Array.from({ length: threads }, () => openThread(options));
  return {
    ahead: threads * blocksPerThread,
    score(block) {
      const idlest = lanes.reduce((best, lane) => (lane.waiting() < best.waiting() ? lane : best));
      return idlest.score(block);
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}

function openThread(options: LaneOptions) {
  const thread = new Worker(new URL('./score-thread.ts', import.meta.url), {
    workerData: options,
    resourceLimits: { maxYoungGenerationSizeMb: youngHeapMib },
  });
  let waiting: PromiseWithResolvers<ScoredBlock>[] = [];
  let failure: Error | null = null;

  function fail(error: Error): void {
    failure ??= error;
    for (const { reject } of waiting) reject(failure);
    waiting = [];
  }
  thread.on('message', (scored: ScoredBlock) => waiting.shift()?.resolve(scored));
  thread.on('error', (error) => fail(restored(error)));
  thread.on('exit', (code) => fail(new Error(`a scoring thread ended with ${code}`)));

  return {
    waiting: () => waiting.length,
    score(block: Block): Promise<ScoredBlock> {
      const answer = Promise.withResolvers<ScoredBlock>();
      if (failure !== null) answer.reject(failure);
      else {
        waiting.push(answer);
        thread.postMessage(block);
      }
      return answer.promise;
    },
    async close(): Promise<void> {
      await thread.terminate();
    },
  };
}

/** An error of ours comes from another thread as a plain one with our fields. */
function restored(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!('code' in error && 'status' in error)) return error;
  return new AppError(String(error.code), Number(error.status), error.message, { cause: error });
}
