import * as tf from '@tensorflow/tfjs-core';
// For its side effect: the core's Node build has no gradients, and layers brings them.
import '@tensorflow/tfjs-layers';
import { type Committee, createCommittee, joinMembers, type Member } from './committee.ts';
import { createRandom, type Random, shuffle } from './random.ts';
import { heads, type Weights } from './weights.ts';

/** A text to learn from. A head whose target is null is not taught by it. */
export type Example = { rows: Int32Array; targets: readonly (number | null)[] };

export type TrainingSettings = {
  /** Rows of the embedding. */
  buckets: number;
  /** The networks whose mean is the model. */
  members: readonly Member[];
  epochs: number;
  batchSize: number;
  learningRate: number;
  /** Share of features left out at random each time a text is seen, so that no single one is leaned on. */
  featureDropout: number;
  /** Pull of the dense weights towards zero. */
  weightDecay: number;
  seed: number;
};

/** Squares of all gradients so far, per weight: what Adagrad divides by (Duchi, Hazan and Singer 2011). */
type Squares = { embedding: Float32Array; dense: Float32Array[] };

/** The rows that one member sees of one text, whose numbers begin `at` in the pooled batch, and its columns. */
type Look = { rows: Int32Array; scale: number; at: number; from: number; to: number };

const adagradStart = 1e-6;

/**
 * Learns weights from examples. The dense layers' gradients, and that of the pooled texts, are TensorFlow.js'; from
 * there each text's embedding rows are moved by hand, since no backend but the native one can (the gradient of
 * `gather` is missing from WebAssembly and endless in JavaScript). Depends on examples, settings and the backend's
 * arithmetic alone: the same three give the same weights, bit by bit.
 *
 * @param onEpoch hears the mean loss of each epoch
 */
export function trainNetwork(
  examples: readonly Example[],
  settings: TrainingSettings,
  onEpoch: (epoch: number, loss: number) => void,
): Weights {
  const random = createRandom(settings.seed);
  const committee = createCommittee(settings.buckets, settings.members, random);
  const squares: Squares = {
    embedding: new Float32Array(committee.embedding.length).fill(adagradStart),
    dense: committee.dense.map((values) => new Float32Array(values.length).fill(adagradStart)),
  };
  const order = Int32Array.from(examples.keys());
  for (let epoch = 1; epoch <= settings.epochs; epoch += 1) {
    shuffle(order, random);
    let loss = 0;
    for (let from = 0; from < order.length; from += settings.batchSize) {
      const batch = Array.from(order.subarray(from, from + settings.batchSize)).flatMap(
        (index) => examples[index] ?? [],
      );
      loss += trainBatch(batch, committee, squares, settings, random);
    }
    onEpoch(epoch, loss / order.length / committee.columns.length);
  }
  return joinMembers(committee);
}

function trainBatch(
  batch: readonly Example[],
  committee: Committee,
  squares: Squares,
  settings: TrainingSettings,
  random: Random,
): number {
  const { embedding, dense, own, dimensions, columns } = committee;
  // Each member leaves out other features, so that their mistakes differ and average out.
  const looks = columns.flatMap(([from, to]) =>
    batch.map(({ rows }, index): Look => {
      const kept = dropFeatures(rows, settings.featureDropout, random);
      return { rows: kept, scale: 1 / Math.sqrt(Math.max(kept.length, 1)), at: index * dimensions, from, to };
    }),
  );
  const pooled = new Float32Array(batch.length * dimensions); // [batch, dimensions]
  for (const { rows, scale, at, from, to } of looks) {
    for (const row of rows) {
      for (let d = from; d < to; d += 1) {
        pooled[at + d] = (pooled[at + d] ?? 0) + scale * (embedding[row * dimensions + d] ?? 0);
      }
    }
  }
  const { loss, gradients, pooledGradient } = denseGradients(batch, pooled, committee);
  gradients.forEach((gradient, index) => {
    const values = dense[index];
    const sums = squares.dense[index];
    if (values === undefined || sums === undefined) return;
    for (let at = 0; at < values.length; at += 1) {
      if (own[index]?.[at] !== 1) continue;
      const slope = (gradient[at] ?? 0) + settings.weightDecay * (values[at] ?? 0);
      adagrad(values, sums, at, slope, settings.learningRate);
    }
  });
  for (const { rows, scale, at, from, to } of looks) {
    for (const row of rows) {
      for (let d = from; d < to; d += 1) {
        const slope = scale * (pooledGradient[at + d] ?? 0);
        adagrad(embedding, squares.embedding, row * dimensions + d, slope, settings.learningRate);
      }
    }
  }
  return loss;
}

function dropFeatures(rows: Int32Array, dropped: number, random: Random): Int32Array {
  const kept = new Int32Array(rows.length);
  let count = 0;
  for (const row of rows) {
    if (random() < dropped) continue;
    kept[count] = row;
    count += 1;
  }
  return kept.subarray(0, count);
}

function adagrad(values: Float32Array, squares: Float32Array, at: number, slope: number, rate: number): void {
  const square = (squares[at] ?? 0) + slope * slope;
  squares[at] = square;
  values[at] = (values[at] ?? 0) - (rate * slope) / Math.sqrt(square);
}

/**
 * The gradients of the summed cross-entropy of all members. Its derivative by the log-odds is σ(z) − y; multiplied
 * into the log-odds as a constant, that gives a scalar with the same gradients, for which every backend has the kernels.
 */
function denseGradients(
  batch: readonly Example[],
  pooled: Float32Array,
  { dense, dimensions, hidden, columns }: Committee,
): { loss: number; gradients: Float32Array[]; pooledGradient: Float32Array } {
  const outputs = columns.length * heads.length;
  const inputs = [
    tf.tensor2d(pooled, [batch.length, dimensions]),
    tf.tensor2d(dense[0], [dimensions, hidden]),
    tf.tensor1d(dense[1]),
    tf.tensor2d(dense[2], [hidden, outputs]),
    tf.tensor1d(dense[3]),
  ] as const;
  const forward = (...args: tf.Tensor[]): tf.Tensor => {
    const [x, hiddenKernel, hiddenBias, outputKernel, outputBias] = args;
    if (!x || !hiddenKernel || !hiddenBias || !outputKernel || !outputBias)
      throw new Error('five tensors make the network');
    const units = tf.relu(tf.add(tf.matMul(x, hiddenKernel), hiddenBias));
    return tf.add(tf.matMul(units, outputKernel), outputBias);
  };
  const logOdds = tf.tidy(() => forward(...inputs));
  const { loss, misses } = missesOf(batch, logOdds.dataSync<'float32'>());
  const factor = tf.tensor2d(misses, [batch.length, outputs]);
  // Numbers are read out of tidy(), which would walk through every one of them in search of tensors.
  const slopes = tf.tidy(() =>
    tf.grads((...args: tf.Tensor[]): tf.Scalar => tf.sum(tf.mul(forward(...args), factor)))([...inputs]),
  );
  const [pooledGradient, ...gradients] = slopes.map((slope) => Float32Array.from(slope.dataSync()));
  tf.dispose([...inputs, logOdds, factor, ...slopes]);
  if (pooledGradient === undefined) throw new Error('TensorFlow.js gave no gradient');
  return { loss, gradients, pooledGradient };
}

/** How far each member's probabilities are from the targets, [batch, members · heads], and the sum of their losses. */
function missesOf(batch: readonly Example[], logOdds: Float32Array): { loss: number; misses: Float32Array } {
  const misses = new Float32Array(logOdds.length);
  const outputs = logOdds.length / batch.length;
  let loss = 0;
  batch.forEach(({ targets }, row) => {
    for (let output = 0; output < outputs; output += 1) {
      const target = targets[output % heads.length] ?? null;
      if (target === null) continue;
      const at = row * outputs + output;
      const value = logOdds[at] ?? 0;
      misses[at] = 1 / (1 + Math.exp(-value)) - target;
      loss += Math.max(value, 0) - value * target + Math.log1p(Math.exp(-Math.abs(value)));
    }
  });
  return { loss, misses };
}
