import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { useBackend } from '../../src/classifier/backend.ts';
import { createClassifier, loadClassifier } from '../../src/classifier/classifier.ts';
import { readCorpus, splits } from '../../src/classifier/corpus.ts';
import { currentModelDir } from '../../src/classifier/current-model.ts';
import { wordWeights } from '../../src/classifier/explain.ts';
import { allRows, createFeatureExtractor, type Features } from '../../src/classifier/features.ts';
import { type Model, readModel } from '../../src/classifier/model-files.ts';
import { createNetwork } from '../../src/classifier/network.ts';
import { createPool } from '../../src/classifier/pool.ts';
import { createRandom } from '../../src/classifier/random.ts';
import { train } from '../../src/classifier/train.ts';
import { heads } from '../../src/classifier/weights.ts';
import { expectSameScores, scoresOn } from './compare-scores.ts';
import { corpusDir, smallCorpus } from './small-corpus.ts';

const root = join(import.meta.dirname, '../..');
const texts = [
  'READY BAL SEGEL IMPORT KOREA isi 200 pcs jaket second',
  'Preloved pribadi blazer kantor beli di Bandung',
  '👕',
  '',
  `b 4 l p r e s s ${'import '.repeat(500)}`,
];

let model: Model;
let modelDir: string;
beforeAll(async () => {
  modelDir = await currentModelDir(join(root, 'models'), null);
  model = await readModel(modelDir);
});

test('WebAssembly and JavaScript give the same probabilities to 1e-5 and the same spans', async () => {
  expectSameScores(await scoresOn('js', model, texts), await scoresOn('wasm', model, texts));
});

test('auto takes WebAssembly', async () => {
  expect(await useBackend('auto')).toBe('wasm');
});

test('TensorFlow.js itself loads the model’s files and answers the same to 1e-5', async () => {
  await useBackend('wasm');
  const topology = JSON.parse(readFileSync(join(modelDir, 'model.json'), 'utf8'));
  const bytes = readFileSync(join(modelDir, 'weights.bin'));
  const layers = await loadLayersModel(
    tf.io.fromMemory({
      modelTopology: topology.modelTopology,
      weightSpecs: topology.weightsManifest[0].weights,
      weightData: new Uint8Array(bytes).buffer,
    }),
  );
  const extract = createFeatureExtractor(model.features);
  const network = createNetwork(model.weights);
  const { test: rows } = await readCorpus(corpusDir);
  const some = rows.filter((_row, index) => index % 10 === 0).map(({ text }) => text);
  const pool = createPool(model.weights);
  for (const text of [...texts.slice(0, 2), ...some]) {
    const features = extract(text);
    const n = features.count;
    const answer = layers.predict([
      tf.tensor2d(allRows(features), [1, n], 'int32'),
      tf.fill([1, n], 1 / Math.sqrt(n)),
    ]);
    if (Array.isArray(answer)) throw new Error('the model has one output');
    const input = new Float32Array(model.weights.dimensions);
    pool.write(features, input, 0);
    const ours = network.predict(input);
    Array.from(answer.dataSync()).forEach((value, head) => {
      const sigmoid = (logOdds: number) => 1 / (1 + Math.exp(-logOdds));
      expect(Math.abs(sigmoid(value) - sigmoid(ours[head] ?? 0))).toBeLessThan(1e-5);
    });
  }
  network.dispose();
});

/** The hidden layer before relu, by hand. */
function hiddenUnits(pooled: Float32Array, { hidden, hiddenKernel, hiddenBias }: Model['weights']): number[] {
  return Array.from({ length: hidden }, (_, unit) =>
    pooled.reduce(
      (total, value, d) => total + value * (hiddenKernel[d * hidden + unit] ?? 0),
      hiddenBias[unit] ?? 0,
    ),
  );
}

test('what each word adds, and a constant, make up the log-odds', async () => {
  await useBackend('wasm');
  const extract = createFeatureExtractor(model.features);
  const pool = createPool(model.weights);
  const network = createNetwork(model.weights);
  const { dimensions } = model.weights;
  for (const text of texts) {
    const features = extract(text);
    const pooled = new Float32Array(dimensions);
    pool.write(features, pooled, 0);
    const { logOdds, slopes } = network.predictWithSlopes(pooled);
    expect([...logOdds]).toEqual([...network.predict(pooled)]);
    const weights = wordWeights(features, pool, slopes);
    const units = hiddenUnits(pooled, model.weights);
    heads.forEach((_head, head) => {
      const sum = weights.reduce(
        (total, weight, at) => (at % heads.length === head ? total + weight : total),
        0,
      );
      const constant = units.reduce(
        (total, unit, at) =>
          unit > 0
            ? total +
              (model.weights.hiddenBias[at] ?? 0) *
                (model.weights.outputKernel[at * heads.length + head] ?? 0)
            : total,
        model.weights.outputBias[head] ?? 0,
      );
      // Sums of 32-bit numbers differ in their last places, the more so the larger the terms that cancel out.
      const slope = slopes.subarray(head * dimensions, (head + 1) * dimensions);
      const size = slope.reduce((total, value, d) => total + Math.abs(value * (pooled[d] ?? 0)), 0);
      expect(Math.abs(constant + sum - (logOdds[head] ?? 0))).toBeLessThan(1e-4 * (1 + size));
    });
  }
  network.dispose();
});

test('weights are faithful: a text loses five times more without its two strongest words than without two others', async () => {
  const classifier = createClassifier(model, await useBackend('wasm'));
  const extract = createFeatureExtractor(model.features);
  const network = createNetwork(model.weights);
  const pool = createPool(model.weights);
  const head = heads.indexOf('imported');
  const random = createRandom(1);
  const logOdds = (probability: number) => Math.log(probability / (1 - probability));
  const drops = { strongest: 0, others: 0 };
  const { test: rows } = await readCorpus(corpusDir);
  for (const { text, label } of rows) {
    const features = extract(text);
    if (label !== 'offer' || features.length < 6) continue;
    const pooled = new Float32Array(model.weights.dimensions);
    pool.write(features, pooled, 0);
    const weights = wordWeights(features, pool, network.predictWithSlopes(pooled).slopes);
    const words = Array.from({ length: features.length }, (_, word) => word);
    const weight = (word: number) => weights[word * heads.length + head] ?? 0;
    const strongest = words.toSorted((a, b) => weight(b) - weight(a)).slice(0, 2);
    const others = words.toSorted(() => random() - 0.5).slice(0, 2);
    const [whole, lessStrongest, lessOthers] = classifier
      .scoreMany([text, withoutWords(text, features, strongest), withoutWords(text, features, others)])
      .map(({ elements: { imported } }) => logOdds(imported));
    drops.strongest += (whole ?? 0) - (lessStrongest ?? 0);
    drops.others += (whole ?? 0) - (lessOthers ?? 0);
  }
  classifier.close();
  network.dispose();
  expect(drops.strongest).toBeGreaterThan(5 * drops.others);
});

function withoutWords(text: string, { starts, ends }: Features, words: readonly number[]): string {
  return words
    .toSorted((a, b) => b - a)
    .reduce((rest, word) => rest.slice(0, starts[word]) + rest.slice(ends[word]), text);
}

test('many calls of one moment and one call for many give the same scores', async () => {
  const classifier = await loadClassifier({ modelDir, backend: 'wasm' });
  const many = Array.from({ length: 150 }, (_, n) => `${texts[n % 3]} ${n}`);
  const one = await Promise.all(many.map((text) => classifier.score(text)));
  const all = classifier.scoreMany(many, { spans: true });
  one.forEach((score, index) => {
    expect(score.probability).toBeCloseTo(all[index]?.probability ?? 0, 5);
    expect(score.spans.length).toBe(all[index]?.spans.length);
  });
  classifier.close();
});

function weightsHash(dir: string): string {
  return createHash('sha256')
    .update(readFileSync(join(dir, 'weights.bin')))
    .digest('hex');
}

test('corpus, seed and settings alone decide every byte of the weights', async () => {
  const modelsDir = mkdtempSync(join(tmpdir(), 'saring-models-'));
  onTestFinished(() => rmSync(modelsDir, { recursive: true, force: true }));
  const phases: number[] = [];
  const common = {
    corpusDir: smallCorpus(),
    backgroundFiles: [],
    modelsDir,
    backend: 'wasm' as const,
    epochs: 2,
    onProgress: ({ done }: { done: number }) => void phases.push(done),
  };
  const one = await train({ ...common, seed: 1 });
  const hash = weightsHash(one.dir);
  rmSync(one.dir, { recursive: true });
  const again = await train({ ...common, seed: 1 });
  expect(again.version).toBe(one.version);
  expect(weightsHash(again.dir)).toBe(hash);
  expect(phases).toEqual([1, 2, 1, 2]);
  const other = await train({ ...common, seed: 2 });
  expect(other.version).not.toBe(one.version);
  expect(weightsHash(other.dir)).not.toBe(hash);
}, 60_000);

test('the model in force was made from the corpus beside it', async () => {
  const { hash, ...corpus } = await readCorpus(corpusDir);
  const { corpusHash, counts } = JSON.parse(readFileSync(join(modelDir, 'metrics.json'), 'utf8'));
  expect(corpusHash).toBe(hash);
  expect(counts).toEqual({
    train: corpus.train.length,
    validation: corpus.validation.length,
    test: corpus.test.length,
  });
});

test('no author writes in two splits', () => {
  const authors = splits.flatMap((split) => readdirSync(join(corpusDir, split)));
  expect(new Set(authors).size).toBe(authors.length);
});

test('the policy’s promise is what its validation figures say', () => {
  const { validation } = JSON.parse(readFileSync(join(modelDir, 'metrics.json'), 'utf8'));
  expect(validation.overall.precision.low).toBeCloseTo(model.policy.promise.precisionLowerBound, 10);
  expect(validation.overall.recall.value).toBeCloseTo(model.policy.promise.recall, 10);
  expect(model.policy.watchAt).toBeLessThan(model.policy.flagAt);
  expect(heads).toHaveLength(model.calibrations.length);
});

test.each([
  ['weights.bin', 'short'],
  ['model.json', '{}'],
  ['policy.json', '{"flagAt":2}'],
  ['calibration.json', 'not json'],
])('a damaged %s is named', async (file, content) => {
  const copy = mkdtempSync(join(tmpdir(), 'saring-damaged-'));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(modelDir, copy, { recursive: true });
  writeFileSync(join(copy, file), content);
  await expect(readModel(copy)).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringContaining(file),
  });
});
