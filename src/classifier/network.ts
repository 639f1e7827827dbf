import * as tf from '@tensorflow/tfjs-core';
import { heads, type Weights } from './weights.ts';

/** The dense part of the model on TensorFlow.js, over pooled texts. */
export type Network = {
  /**
   * @param pooled one pooled text per row, [count, dimensions]
   * @returns log-odds before calibration, [count, heads]
   */
  predict(pooled: Float32Array): Float32Array;
  /**
   * The same, with how fast each of the log-odds grows with each pooled number at that text.
   *
   * @returns log-odds [count, heads] and their slopes [count, heads, dimensions]
   */
  predictWithSlopes(pooled: Float32Array): { logOdds: Float32Array; slopes: Float32Array };
  dispose(): void;
};

/** Rows of one TensorFlow.js call; more would only cost memory. */
const rowsAtOnce = 1_024;

/** Puts the dense layers' weights on the backend in use: pooled → hidden (relu) → one log-odds per head. */
export function createNetwork(weights: Weights): Network {
  const { dimensions, hidden } = weights;
  const outputWeights = weights.outputKernel.slice(); // a part of a file, all of which it would keep in memory
  const hiddenKernel = tf.tensor2d(weights.hiddenKernel, [dimensions, hidden]);
  const hiddenBias = tf.tensor1d(weights.hiddenBias);
  const outputKernel = tf.tensor2d(weights.outputKernel, [hidden, heads.length]);
  const outputBias = tf.tensor1d(weights.outputBias);
  /** The hidden kernel with one row per unit, [hidden, dimensions]. */
  const unitRows = new Float32Array(hidden * dimensions);
  weights.hiddenKernel.forEach((value, at) => {
    unitRows[(at % hidden) * dimensions + Math.floor(at / hidden)] = value;
  });

  // Tensors are freed by hand and not by tidy(), which walks through every number of a result in search of tensors.
  function run(block: Float32Array): { logOdds: Float32Array; layer: tf.Tensor } {
    const input = tf.tensor2d(block, [block.length / dimensions, dimensions]);
    const layer = tf.fused.matMul({ a: input, b: hiddenKernel, bias: hiddenBias, activation: 'relu' });
    const output = tf.fused.matMul({ a: layer, b: outputKernel, bias: outputBias });
    const logOdds = Float32Array.from(output.dataSync());
    tf.dispose([input, output]);
    return { logOdds, layer };
  }

  /** A silent hidden unit passes nothing on; through the others the log-odds are a product of the kernels. */
  function writeSlopes(units: Float32Array, slopes: Float32Array, from: number): void {
    const count = units.length / hidden;
    for (let text = 0; text < count; text += 1) {
      for (let unit = 0; unit < hidden; unit += 1) {
        if ((units[text * hidden + unit] ?? 0) <= 0) continue;
        for (let head = 0; head < heads.length; head += 1) {
          const out = outputWeights[unit * heads.length + head] ?? 0;
          const at = ((from + text) * heads.length + head) * dimensions;
          for (let d = 0; d < dimensions; d += 1)
            slopes[at + d] = (slopes[at + d] ?? 0) + out * (unitRows[unit * dimensions + d] ?? 0);
        }
      }
    }
  }

  function* blocks(pooled: Float32Array): Generator<Float32Array> {
    const size = rowsAtOnce * dimensions;
    for (let from = 0; from < pooled.length; from += size) yield pooled.subarray(from, from + size);
  }

  return {
    predict(pooled) {
      const result = new Float32Array((pooled.length / dimensions) * heads.length);
      let at = 0;
      for (const block of blocks(pooled)) {
        const { logOdds, layer } = run(block);
        layer.dispose();
        result.set(logOdds, at);
        at += logOdds.length;
      }
      return result;
    },
    predictWithSlopes(pooled) {
      const logOdds = new Float32Array((pooled.length / dimensions) * heads.length);
      const slopes = new Float32Array(logOdds.length * dimensions);
      let at = 0;
      for (const block of blocks(pooled)) {
        const part = run(block);
        logOdds.set(part.logOdds, at);
        writeSlopes(part.layer.dataSync<'float32'>(), slopes, at / heads.length);
        part.layer.dispose();
        at += part.logOdds.length;
      }
      return { logOdds, slopes };
    },
    dispose() {
      tf.dispose([hiddenKernel, hiddenBias, outputKernel, outputBias]);
    },
  };
}
