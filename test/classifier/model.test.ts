import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { useBackend } from '../../src/classifier/backend.ts';
import { createClassifier, loadClassifier } from '../../src/classifier/classifier.ts';
import { readCorpus } from '../../src/classifier/corpus.ts';
import { currentModelDir } from '../../src/classifier/current-model.ts';
import { allRows, createFeatureExtractor } from '../../src/classifier/features.ts';
import { type Model, readModel } from '../../src/classifier/model-files.ts';
import { createNetwork } from '../../src/classifier/network.ts';
import { createPool, writePooled } from '../../src/classifier/pool.ts';
import { splitCorpus } from '../../src/classifier/split.ts';
import { train } from '../../src/classifier/train.ts';
import { heads } from '../../src/classifier/weights.ts';
import { elements } from '../../src/domain/element.ts';

const root = join(import.meta.dirname, '../..');
const corpusDir = join(root, 'data/corpus');
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

async function scoresOn(
  backend: 'native' | 'wasm' | 'js',
): Promise<{ probabilities: number[]; weights: number[] }> {
  const classifier = createClassifier(model, await useBackend(backend));
  const scores = classifier.scoreMany(texts, { spans: true });
  classifier.close();
  return {
    probabilities: scores.flatMap(({ probability, elements: each }) => [
      probability,
      ...elements.map((element) => each[element]),
    ]),
    weights: scores.flatMap(({ spans }) => spans.map(({ weight }) => weight)),
  };
}

function greatestDistance(one: readonly number[], other: readonly number[]): number {
  expect(one).toHaveLength(other.length);
  return Math.max(...one.map((value, index) => Math.abs(value - (other[index] ?? Number.NaN))));
}

test('WebAssembly and JavaScript give the same probabilities to 1e-5, and weights to their last shown place', async () => {
  const wasm = await scoresOn('wasm');
  const js = await scoresOn('js');
  expect(greatestDistance(js.probabilities, wasm.probabilities)).toBeLessThan(1e-5);
  expect(greatestDistance(js.weights, wasm.weights)).toBeLessThan(1.5e-3);
});

test('the native backend gives the same scores, or says why it did not load', async () => {
  try {
    await useBackend('native');
  } catch (error) {
    expect(error).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('TFJS_BACKEND=native does not load here'),
    });
    process.stderr.write('native backend: not run, tfjs-node does not load on this machine\n');
    expect(['wasm', 'js']).toContain(await useBackend('auto'));
    return;
  }
  const native = await scoresOn('native');
  const wasm = await scoresOn('wasm');
  expect(greatestDistance(native.probabilities, wasm.probabilities)).toBeLessThan(1e-5);
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
  for (const text of texts.slice(0, 2)) {
    const features = extract(text);
    const n = features.count;
    const answer = layers.predict([
      tf.tensor2d(allRows(features), [1, n], 'int32'),
      tf.fill([1, n], 1 / Math.sqrt(n)),
    ]);
    if (Array.isArray(answer)) throw new Error('the model has one output');
    const input = new Float32Array(model.weights.dimensions);
    writePooled(createPool(model.weights).whole(features), input, 0);
    const ours = network.predict(input);
    Array.from(answer.dataSync()).forEach((value, head) => {
      const sigmoid = (logOdds: number) => 1 / (1 + Math.exp(-logOdds));
      expect(Math.abs(sigmoid(value) - sigmoid(ours[head] ?? 0))).toBeLessThan(1e-5);
    });
  }
  network.dispose();
});

test('taking away the strongest word for an element lowers that element', async () => {
  const classifier = createClassifier(model, await useBackend('wasm'));
  const text = texts[0] ?? '';
  const score = await classifier.score(text);
  for (const element of ['used', 'imported', 'bulk'] as const) {
    const [strongest] = score.spans
      .filter((span) => span.element === element && span.weight > 0)
      .sort((a, b) => b.weight - a.weight);
    if (strongest === undefined) continue;
    const without = text.slice(0, strongest.start) + text.slice(strongest.end);
    const [rest] = classifier.scoreMany([without]);
    expect(rest?.elements[element]).toBeLessThan(score.elements[element]);
  }
  classifier.close();
});

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

test('the model in force is what this corpus, its seed and its settings make, byte for byte', async () => {
  const modelsDir = mkdtempSync(join(tmpdir(), 'saring-models-'));
  onTestFinished(() => rmSync(modelsDir, { recursive: true, force: true }));
  const { settings } = JSON.parse(readFileSync(join(modelDir, 'metrics.json'), 'utf8'));
  const phases: number[] = [];
  const common = {
    corpusDir,
    backgroundFiles: [],
    modelsDir,
    backend: 'wasm' as const,
    epochs: settings.epochs,
    onProgress: ({ done }: { done: number }) => void phases.push(done),
  };
  const again = await train({ ...common, seed: settings.seed });
  expect(again.version).toBe(model.version);
  expect(weightsHash(again.dir)).toBe(weightsHash(modelDir));
  expect(phases).toHaveLength(settings.epochs);
  const other = await train({ ...common, seed: settings.seed + 1, epochs: 1 });
  expect(other.version).not.toBe(model.version);
  expect(weightsHash(other.dir)).not.toBe(weightsHash(modelDir));
}, 120_000);

test('no author’s batch stands in two splits, and every row in one', async () => {
  const { rows } = await readCorpus(corpusDir);
  const dealt = splitCorpus(rows);
  const batches = Object.values(dealt).map((part) => new Set(part.map(({ batch }) => batch)));
  expect(batches.reduce((sum, part) => sum + part.size, 0)).toBe(
    new Set(rows.map(({ batch }) => batch)).size,
  );
  expect(Object.values(dealt).reduce((sum, part) => sum + part.length, 0)).toBe(rows.length);
  expect(Math.min(dealt.validation.length, dealt.test.length)).toBeGreaterThan(50);
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
