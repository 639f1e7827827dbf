import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { Policy } from '../domain/policy.ts';
import { Calibration } from './calibrate.ts';
import { FeatureSettings } from './features.ts';
import { type Head, heads, type Weights } from './weights.ts';

/** A model as it lies in a folder `models/<version>/`. */
export type Model = {
  version: string;
  features: FeatureSettings;
  weights: Weights;
  /** One per head, in the order of `heads`. */
  calibrations: Calibration[];
  policy: Policy;
};

/** Names of a model's files. */
export const modelFiles = {
  topology: 'model.json',
  weights: 'weights.bin',
  tokenizer: 'tokenizer.json',
  calibration: 'calibration.json',
  policy: 'policy.json',
  thresholds: 'thresholds.json',
  metrics: 'metrics.json',
  card: 'CARD.md',
} as const;

/** The file calibration.json. */
const CalibrationFile = z.object({
  method: z.string(),
  heads: z.record(z.enum(heads), Calibration),
});

/** The file tokenizer.json. */
const TokenizerFile = z.object({ version: z.string(), settings: FeatureSettings });

/** The part of TF.js' model.json that serving needs: where each tensor lies in weights.bin. */
const Topology = z.looseObject({
  format: z.literal('layers-model'),
  weightsManifest: z.tuple([
    z.object({
      paths: z.tuple([z.literal(modelFiles.weights)]),
      weights: z.array(
        z.object({ name: z.string(), shape: z.array(z.int().positive()), dtype: z.literal('float32') }),
      ),
    }),
  ]),
});

/** Tensors of the layers model, in the order in which the file holds them. */
export const tensorNames = [
  'embedding/embeddings',
  'hidden/kernel',
  'hidden/bias',
  'output/kernel',
  'output/bias',
] as const;

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new AppError(
      'MODEL_INVALID',
      500,
      `${file} is missing or damaged; train the model again or choose another (SARING_MODEL)`,
      {
        cause,
      },
    );
  }
}

/**
 * Reads a model folder.
 *
 * @throws AppError MODEL_INVALID naming the file that is missing or damaged
 */
export async function readModel(dir: string): Promise<Model> {
  const tokenizer = await readJson(join(dir, modelFiles.tokenizer), TokenizerFile);
  const calibration = await readJson(join(dir, modelFiles.calibration), CalibrationFile);
  const policy = await readJson(join(dir, modelFiles.policy), Policy);
  const topology = await readJson(join(dir, modelFiles.topology), Topology);
  const weights = await readWeights(join(dir, modelFiles.weights), topology);
  if (weights.buckets !== tokenizer.settings.buckets) {
    throw new AppError(
      'MODEL_INVALID',
      500,
      `${join(dir, modelFiles.tokenizer)} does not belong to the weights beside it`,
    );
  }
  return {
    version: tokenizer.version,
    features: tokenizer.settings,
    weights,
    calibrations: heads.map((head) => inOrder(calibration.heads, head)),
    policy,
  };
}

function inOrder(calibrations: Partial<Record<Head, Calibration>>, head: Head): Calibration {
  const calibration = calibrations[head];
  if (calibration === undefined)
    throw new AppError('MODEL_INVALID', 500, `${modelFiles.calibration} lacks ${head}`);
  return calibration;
}

async function readWeights(file: string, topology: z.infer<typeof Topology>): Promise<Weights> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new AppError('MODEL_INVALID', 500, `${file} cannot be read; train the model again`, { cause });
  });
  const specs = topology.weightsManifest[0].weights;
  const sizes = specs.map(({ shape }) => shape.reduce((product, side) => product * side, 1));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const [embedding, hiddenKernel, hiddenBias, outputKernel, outputBias] = specs;
  const [buckets, dimensions] = embedding?.shape ?? [];
  const [hidden] = hiddenBias?.shape ?? [];
  const known =
    specs.length === tensorNames.length && specs.every(({ name }, index) => name === tensorNames[index]);
  const fits =
    known &&
    bytes.byteLength === total * Float32Array.BYTES_PER_ELEMENT &&
    same(hiddenKernel?.shape, [dimensions, hidden]) &&
    same(outputKernel?.shape, [hidden, heads.length]) &&
    same(outputBias?.shape, [heads.length]);
  if (!fits || buckets === undefined || dimensions === undefined || hidden === undefined) {
    throw new AppError(
      'MODEL_INVALID',
      500,
      `${file} does not have the tensors that ${modelFiles.topology} names; train the model again`,
    );
  }
  // A copy only of a small Buffer, which may start at an address that is not a multiple of four.
  const whole = bytes.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0 ? bytes : Uint8Array.from(bytes);
  const numbers = new Float32Array(whole.buffer, whole.byteOffset, total);
  let at = 0;
  const [e, hk, hb, ok, ob] = sizes.map((size) => {
    at += size;
    return numbers.subarray(at - size, at);
  });
  if (e === undefined || hk === undefined || hb === undefined || ok === undefined || ob === undefined) {
    throw new Error('five tensors were checked and fewer found');
  }
  return {
    buckets,
    dimensions,
    hidden,
    embedding: e,
    hiddenKernel: hk,
    hiddenBias: hb,
    outputKernel: ok,
    outputBias: ob,
  };
}

function same(shape: readonly number[] | undefined, expected: readonly (number | undefined)[]): boolean {
  return (
    shape !== undefined &&
    shape.length === expected.length &&
    shape.every((side, index) => side === expected[index])
  );
}
