import type { Policy } from '../domain/policy.ts';
import type { Score } from '../domain/score.ts';
import { type BackendChoice, type BackendName, useBackend } from './backend.ts';
import { type Calibration, sigmoid } from './calibrate.ts';
import { planOcclusions, readSpans, rowsOf, writeRows } from './explain.ts';
import { createFeatureExtractor } from './features.ts';
import { type Model, readModel } from './model-files.ts';
import { createNetwork } from './network.ts';
import { createPool, writePooled } from './pool.ts';
import { heads } from './weights.ts';

/** Turns texts into scores. */
export type Classifier = {
  modelVersion: string;
  backend: BackendName;
  policy: Policy;
  /** Scores one text, with spans. Calls of the same moment share one run of the network. */
  score(text: string): Promise<Score>;
  /** Scores texts at once, in order. Without `spans` (the default) it is several times faster. */
  scoreMany(texts: readonly string[], options?: { spans?: boolean }): Score[];
  close(): void;
};

/** Texts that share one run of the network in `score`; more would make the first wait long. */
const textsAtOnce = 64;

/**
 * Loads a model folder onto a backend.
 *
 * @throws AppError MODEL_INVALID naming the file at fault, or BACKEND_UNAVAILABLE
 */
export async function loadClassifier(options: {
  modelDir: string;
  backend: BackendChoice;
}): Promise<Classifier> {
  const model = await readModel(options.modelDir);
  return createClassifier(model, await useBackend(options.backend));
}

/** A classifier over a model that is in memory already, on the backend in use. */
export function createClassifier(model: Model, backend: BackendName): Classifier {
  const { weights, calibrations, policy, version } = model;
  const extract = createFeatureExtractor(model.features);
  const pool = createPool(weights);
  const network = createNetwork(weights);
  let waiting: { text: string; resolve(score: Score): void; reject(error: unknown): void }[] = [];

  function scorePlain(texts: readonly string[]): Score[] {
    const input = new Float32Array(texts.length * weights.dimensions);
    texts.forEach((text, index) => {
      writePooled(pool.whole(extract(text)), input, index * weights.dimensions);
    });
    const output = network.predict(input);
    return texts.map((_text, index) => toScore(output, index, calibrations, version, []));
  }

  function scoreWithSpans(texts: readonly string[]): Score[] {
    const plans = texts.map((text) => planOcclusions(extract(text), pool));
    const input = new Float32Array(plans.reduce((sum, plan) => sum + rowsOf(plan), 0) * weights.dimensions);
    const firstRows: number[] = [];
    let row = 0;
    for (const plan of plans) {
      firstRows.push(row);
      writeRows(plan, pool, input, row);
      row += rowsOf(plan);
    }
    const output = network.predict(input);
    return plans.map((plan, index) => {
      const first = firstRows[index] ?? 0;
      return toScore(output, first, calibrations, version, readSpans(plan, output, first, calibrations));
    });
  }

  function scoreWaiting(): void {
    const batch = waiting.splice(0, textsAtOnce);
    if (waiting.length > 0) setImmediate(scoreWaiting);
    try {
      const scores = scoreWithSpans(batch.map(({ text }) => text));
      batch.forEach(({ resolve, reject }, index) => {
        const score = scores[index];
        if (score === undefined) reject(new Error('the network gave fewer scores than texts'));
        else resolve(score);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    modelVersion: version,
    backend,
    policy,
    score(text) {
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(scoreWaiting);
        waiting.push({ text, resolve, reject });
      });
    },
    scoreMany(texts, { spans = false } = {}) {
      if (texts.length === 0) return [];
      return spans ? scoreWithSpans(texts) : scorePlain(texts);
    },
    close() {
      for (const { reject } of waiting) reject(new Error('the classifier was closed'));
      waiting = [];
      network.dispose();
    },
  };
}

function toScore(
  output: Float32Array,
  row: number,
  calibrations: readonly Calibration[],
  modelVersion: string,
  spans: Score['spans'],
): Score {
  const probability = (head: (typeof heads)[number]) => {
    const index = heads.indexOf(head);
    const { slope, intercept } = calibrations[index] ?? { slope: 1, intercept: 0 };
    return sigmoid(slope * (output[row * heads.length + index] ?? 0) + intercept);
  };
  return {
    probability: probability('offer'),
    elements: {
      clothing: probability('clothing'),
      used: probability('used'),
      imported: probability('imported'),
      offered: probability('offered'),
      bulk: probability('bulk'),
    },
    spans,
    modelVersion,
  };
}
