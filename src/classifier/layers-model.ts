import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { modelFiles, tensorNames } from './model-files.ts';
import { heads, type Weights } from './weights.ts';

/** A model in the two files that TensorFlow.js itself saves and loads. */
export type LayersFiles = { topology: object; weights: Uint8Array };

/**
 * Writes the network as a TF.js layers model with two inputs: `rows` [batch, length] (features, padded with 0) and
 * `scales` [batch, length] (1/√n for each of a text's n features, 0 for padding). It answers the heads' log-odds
 * [batch, heads], before calibration.
 */
export async function toLayersFiles(weights: Weights): Promise<LayersFiles> {
  const { buckets, dimensions, hidden } = weights;
  const rows = layers.input({ shape: [null], dtype: 'int32', name: 'rows' });
  const scales = layers.input({ shape: [null], name: 'scales' });
  const embedded = layers.layers
    .embedding({ inputDim: buckets, outputDim: dimensions, name: 'embedding' })
    .apply(rows);
  const pooled = layers.layers
    .dot({ axes: [1, 1], name: 'pool' })
    .apply([scales, embedded as layers.SymbolicTensor]); // apply() of one symbolic tensor gives one
  const dense = layers.layers.dense({ units: hidden, activation: 'relu', name: 'hidden' }).apply(pooled);
  const output = layers.layers.dense({ units: heads.length, name: 'output' }).apply(dense);
  const model = layers.model({
    inputs: [rows, scales],
    outputs: output as layers.SymbolicTensor,
    name: 'saring',
  }); // as above
  const tensors = [
    tf.tensor2d(weights.embedding, [buckets, dimensions]),
    tf.tensor2d(weights.hiddenKernel, [dimensions, hidden]),
    tf.tensor1d(weights.hiddenBias),
    tf.tensor2d(weights.outputKernel, [hidden, heads.length]),
    tf.tensor1d(weights.outputBias),
  ];
  try {
    model.setWeights(tensors);
    let saved: tf.io.ModelArtifacts | null = null;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    return toFiles(saved);
  } finally {
    model.dispose();
    tf.dispose(tensors);
  }
}

function toFiles(saved: tf.io.ModelArtifacts | null): LayersFiles {
  const specs = saved?.weightSpecs;
  const data = saved?.weightData;
  if (saved === null || specs === undefined || data === undefined || Array.isArray(data)) {
    throw new Error('TensorFlow.js saved no weights');
  }
  const names = specs.map(({ name }) => name);
  if (names.join() !== tensorNames.join()) throw new Error(`TensorFlow.js named the weights ${names.join()}`);
  const topology = {
    format: 'layers-model',
    generatedBy: saved.generatedBy,
    convertedBy: null,
    modelTopology: saved.modelTopology,
    weightsManifest: [{ paths: [modelFiles.weights], weights: specs }],
  };
  return { topology, weights: new Uint8Array(data as ArrayBuffer) }; // not an array of buffers: checked above
}
