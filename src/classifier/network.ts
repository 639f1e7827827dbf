import * as tf from '@tensorflow/tfjs-core';
import { heads, type Weights } from './weights.ts';

/** The dense part of the model on TensorFlow.js, over pooled texts. */
export type Network = {
  /**
   * @param pooled one pooled text per row, [count, dimensions]
   * @returns log-odds before calibration, [count, heads]
   */
  predict(pooled: Float32Array): Float32Array;
  dispose(): void;
};

/** Rows of one TensorFlow.js call; more would only cost memory. */
const rowsAtOnce = 8_192;

/** Puts the dense layers' weights on the backend in use: pooled → hidden (relu) → one log-odds per head. */
export function createNetwork(weights: Weights): Network {
  const { dimensions, hidden } = weights;
  const hiddenKernel = tf.tensor2d(weights.hiddenKernel, [dimensions, hidden]);
  const hiddenBias = tf.tensor1d(weights.hiddenBias);
  const outputKernel = tf.tensor2d(weights.outputKernel, [hidden, heads.length]);
  const outputBias = tf.tensor1d(weights.outputBias);

  function predictBlock(block: Float32Array): Float32Array {
    const input = tf.tensor2d(block, [block.length / dimensions, dimensions]);
    const layer = tf.fused.matMul({ a: input, b: hiddenKernel, bias: hiddenBias, activation: 'relu' });
    const output = tf.fused.matMul({ a: layer, b: outputKernel, bias: outputBias });
    // By hand and not by tidy(), which would walk through every number of the result in search of tensors.
    const logOdds = Float32Array.from(output.dataSync());
    tf.dispose([input, layer, output]);
    return logOdds;
  }

  return {
    predict(pooled) {
      const size = rowsAtOnce * dimensions;
      if (pooled.length <= size) return predictBlock(pooled);
      const result = new Float32Array((pooled.length / dimensions) * heads.length);
      for (let from = 0; from < pooled.length; from += size) {
        result.set(predictBlock(pooled.subarray(from, from + size)), (from / dimensions) * heads.length);
      }
      return result;
    },
    dispose() {
      for (const tensor of [hiddenKernel, hiddenBias, outputKernel, outputBias]) tensor.dispose();
    },
  };
}
