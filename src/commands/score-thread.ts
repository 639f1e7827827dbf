/** A thread that scores blocks: see score-lanes.ts, which starts it and speaks with it. */
import '../compile-cache.ts';
import { parentPort, workerData } from 'node:worker_threads';
import type { LaneOptions } from './score-lanes.ts';
import type { Block } from './score-rows.ts';

const { modelDir, backend, format } = workerData as LaneOptions; // what score-lanes.ts gave
// Not plain imports: those are loaded before the cache above is in use.
const { loadClassifier } = await import('../classifier/classifier.ts');
const { createRowScorer } = await import('./score-rows.ts');

const score = createRowScorer(await loadClassifier({ modelDir, backend }), format);
parentPort?.on('message', (block: Block) => {
  const scored = score(block);
  parentPort?.postMessage(scored, [scored.bytes.buffer]);
});
