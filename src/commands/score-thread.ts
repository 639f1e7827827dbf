/** A thread that scores blocks: see score-lanes.ts, which starts it and speaks with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadClassifier } from '../classifier/classifier.ts';
import type { LaneOptions } from './score-lanes.ts';
import { type Block, createRowScorer } from './score-rows.ts';

const { modelDir, backend, format } = workerData as LaneOptions; // what score-lanes.ts gave
const score = createRowScorer(await loadClassifier({ modelDir, backend }), format);
parentPort?.on('message', (block: Block) => {
  const scored = score(block);
  parentPort?.postMessage(scored, [scored.bytes.buffer]);
});
