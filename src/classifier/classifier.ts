import type { Policy } from '../domain/policy.ts';
import type { Score } from '../domain/score.ts';
import { type BackendChoice, type BackendName, useBackend } from './backend.ts';
import { type Calibration, sigmoid } from './calibrate.ts';
import { readSpans, wordWeights } from './explain.ts';
import { createFeatureExtractor } from './features.ts';
import { type Model, readModel } from './model-files.ts';
import { createNetwork } from './network.ts';
import { createPool } from './pool.ts';
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
  const { calibrations, policy, version } = model;
  // Not the weights themselves: the pool and the network have copies where they are needed.
  const { dimensions } = model.weights;
  const extract = createFeatureExtractor(model.features);
  const pool = createPool(model.weights);
  const network = createNetwork(model.weights);
  let waiting: { text: string; resolve(score: Score): void; reject(error: unknown): void }[] = [];

  /** [texts, dimensions] */
  function pooledTexts(texts: readonly string[]): Float32Array {
    const pooled = new Float32Array(texts.length * dimensions);
    texts.forEach((text, index) => {
      pool.write(extract(text), pooled, index * dimensions);
    });
    return pooled;
  }

  function scorePlain(texts: readonly string[]): Score[] {
    const logOdds = network.predict(pooledTexts(texts));
    return texts.map((_text, index) => toScore(logOdds, index, calibrations, version, []));
  }

  function scoreWithSpans(texts: readonly string[]): Score[] {
    const { logOdds, slopes } = network.predictWithSlopes(pooledTexts(texts));
    return texts.map((text, index) => {
      const features = extract(text); // once more, which costs less than to keep those of all texts
      const words = wordWeights(features, pool, calibratedSlopes(slopes, index));
      return toScore(logOdds, index, calibrations, version, readSpans(features, words));
    });
  }

  /** The slopes of one text, stretched as its log-odds are by calibration. [heads, dimensions] */
  function calibratedSlopes(slopes: Float32Array, index: number): Float32Array {
    const own = slopes.subarray(index * heads.length * dimensions, (index + 1) * heads.length * dimensions);
    calibrations.forEach(({ slope }, head) => {
      for (let at = head * dimensions; at < (head + 1) * dimensions; at += 1)
        own[at] = (own[at] ?? 0) * slope;
    });
    return own;
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
