import * as tf from '@tensorflow/tfjs-core';
// For its side effect: the core's Node build has no gradients, and layers brings them.
import '@tensorflow/tfjs-layers';
import { createRandom, type Random, shuffle } from './random.ts';
import { heads, type Shape, type Weights } from './weights.ts';

/** A text to learn from. A head whose target is null is not taught by it. */
export type Example = { rows: Int32Array; targets: readonly (number | null)[] };

export type TrainingSettings = Shape & {
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

const adagradStart = 1e-6;

/**
 * Learns weights from examples. The dense layers' gradients, and that of the pooled texts, are TensorFlow.js'; from
 * there each text's embedding rows are moved by hand, since no backend but the native one can (the gradient of
 * `gather` is missing from WebAssembly and endless in JavaScript). Depends on examples, settings and the backend's
 * arithmetic alone: the same three give the same weights, bit by bit.
 *
 * @param onEpoch hears the mean loss of each epoch and may look at the weights
 */
export function trainNetwork(
  examples: readonly Example[],
  settings: TrainingSettings,
  onEpoch: (epoch: number, loss: number, weights: Weights) => void,
): Weights {
  const random = createRandom(settings.seed);
  const weights = initialWeights(settings, random);
  const dense = [weights.hiddenKernel, weights.hiddenBias, weights.outputKernel, weights.outputBias];
  const squares: Squares = {
    embedding: new Float32Array(weights.embedding.length).fill(adagradStart),
    dense: dense.map((values) => new Float32Array(values.length).fill(adagradStart)),
  };
  const order = Int32Array.from(examples.keys());
  for (let epoch = 1; epoch <= settings.epochs; epoch += 1) {
    shuffle(order, random);
    let loss = 0;
    for (let from = 0; from < order.length; from += settings.batchSize) {
      const batch = Array.from(order.subarray(from, from + settings.batchSize)).flatMap(
        (index) => examples[index] ?? [],
      );
      loss += trainBatch(batch, weights, dense, squares, settings, random);
    }
    onEpoch(epoch, loss / order.length, weights);
  }
  return weights;
}

function initialWeights(settings: TrainingSettings, random: Random): Weights {
  const { buckets, dimensions, hidden } = settings;
  const uniform = (size: number, spread: number) =>
    Float32Array.from({ length: size }, () => (2 * random() - 1) * spread);
  return {
    buckets,
    dimensions,
    hidden,
    embedding: uniform(buckets * dimensions, 0.05),
    // He initialisation (He, Zhang, Ren and Sun 2015), as a uniform spread.
    hiddenKernel: uniform(dimensions * hidden, Math.sqrt(6 / dimensions)),
    hiddenBias: new Float32Array(hidden),
    outputKernel: uniform(hidden * heads.length, Math.sqrt(6 / hidden)),
    outputBias: new Float32Array(heads.length),
  };
}

function trainBatch(
  batch: readonly Example[],
  weights: Weights,
  dense: readonly Float32Array[],
  squares: Squares,
  settings: TrainingSettings,
  random: Random,
): number {
  const { dimensions } = weights;
  const kept = batch.map(({ rows }) => rows.filter(() => random() >= settings.featureDropout));
  const pooled = new Float32Array(batch.length * dimensions); // [batch, dimensions]
  kept.forEach((rows, index) => {
    const scale = 1 / Math.sqrt(Math.max(rows.length, 1));
    for (const row of rows) {
      for (let d = 0; d < dimensions; d += 1) {
        const at = index * dimensions + d;
        pooled[at] = (pooled[at] ?? 0) + scale * (weights.embedding[row * dimensions + d] ?? 0);
      }
    }
  });
  const { loss, gradients, pooledGradient } = denseGradients(batch, pooled, weights);
  gradients.forEach((gradient, index) => {
    const values = dense[index];
    const sums = squares.dense[index];
    if (values === undefined || sums === undefined) return;
    for (let at = 0; at < values.length; at += 1) {
      const slope = (gradient[at] ?? 0) + settings.weightDecay * (values[at] ?? 0);
      adagrad(values, sums, at, slope, settings.learningRate);
    }
  });
  kept.forEach((rows, index) => {
    const scale = 1 / Math.sqrt(Math.max(rows.length, 1));
    for (const row of rows) {
      for (let d = 0; d < dimensions; d += 1) {
        const slope = scale * (pooledGradient[index * dimensions + d] ?? 0);
        adagrad(weights.embedding, squares.embedding, row * dimensions + d, slope, settings.learningRate);
      }
    }
  });
  return loss;
}

function adagrad(values: Float32Array, squares: Float32Array, at: number, slope: number, rate: number): void {
  const square = (squares[at] ?? 0) + slope * slope;
  squares[at] = square;
  values[at] = (values[at] ?? 0) - (rate * slope) / Math.sqrt(square);
}

/**
 * The gradients of the summed cross-entropy. Its derivative by the log-odds is σ(z) − y; multiplied into the
 * log-odds as a constant, that gives a scalar with the same gradients, for which every backend has the kernels.
 */
function denseGradients(
  batch: readonly Example[],
  pooled: Float32Array,
  weights: Weights,
): { loss: number; gradients: Float32Array[]; pooledGradient: Float32Array } {
  const { dimensions, hidden } = weights;
  return tf.tidy(() => {
    const inputs = [
      tf.tensor2d(pooled, [batch.length, dimensions]),
      tf.tensor2d(weights.hiddenKernel, [dimensions, hidden]),
      tf.tensor1d(weights.hiddenBias),
      tf.tensor2d(weights.outputKernel, [hidden, heads.length]),
      tf.tensor1d(weights.outputBias),
    ] as const;
    const [x, hiddenKernel, hiddenBias, outputKernel, outputBias] = inputs;
    const forward = (a: tf.Tensor, k1: tf.Tensor, b1: tf.Tensor, k2: tf.Tensor, b2: tf.Tensor) =>
      tf.add(
        tf.matMul(
          tf.relu(tf.add(tf.matMul(a as tf.Tensor2D, k1 as tf.Tensor2D), b1)) as tf.Tensor2D,
          k2 as tf.Tensor2D,
        ),
        b2,
      ); // grads() hands plain tensors over
    const logOdds = forward(x, hiddenKernel, hiddenBias, outputKernel, outputBias).dataSync();
    const misses = new Float32Array(logOdds.length);
    let loss = 0;
    batch.forEach(({ targets }, row) => {
      targets.forEach((target, head) => {
        if (target === null) return;
        const at = row * heads.length + head;
        const value = logOdds[at] ?? 0;
        misses[at] = 1 / (1 + Math.exp(-value)) - target;
        loss += Math.max(value, 0) - value * target + Math.log1p(Math.exp(-Math.abs(value)));
      });
    });
    const factor = tf.tensor2d(misses, [batch.length, heads.length]);
    const scalar = (...args: tf.Tensor[]): tf.Scalar => {
      const [a, k1, b1, k2, b2] = args;
      if (!a || !k1 || !b1 || !k2 || !b2) throw new Error('five tensors make the network');
      return tf.sum(tf.mul(forward(a, k1, b1, k2, b2), factor));
    };
    const [pooledGradient, ...gradients] = tf
      .grads(scalar)([...inputs])
      .map((gradient) => Float32Array.from(gradient.dataSync()));
    if (pooledGradient === undefined) throw new Error('TensorFlow.js gave no gradient');
    return { loss, gradients, pooledGradient };
  });
}
