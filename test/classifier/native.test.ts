import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { useBackend } from '../../src/classifier/backend.ts';
import { readCorpus } from '../../src/classifier/corpus.ts';
import { currentModelDir } from '../../src/classifier/current-model.ts';
import { readModel } from '../../src/classifier/model-files.ts';
import { train } from '../../src/classifier/train.ts';
import { runSaring } from '../e2e/service-process.ts';
import { expectSameScores, greatestDistance, scoresOn } from './compare-scores.ts';
import { corpusDir, smallCorpus } from './small-corpus.ts';

// A file of its own because vitest gives each file a process, and TensorFlow's library stays in the one that loads it.
const loads = await useBackend('native').then(
  () => true,
  () => false,
);

const notRun = 'not run: tfjs-node does not load on this machine';

/** A test of the native backend. Where that does not load it is skipped and named, as a green run would hide it. */
function nativeTest(name: string, body: () => Promise<void>): void {
  if (!loads) process.stderr.write(`${notRun}: ${name}\n`);
  test(name, async ({ skip }) => {
    skip(!loads, notRun);
    await body();
  }, 60_000);
}

let texts: string[];
beforeAll(async () => {
  const corpus = await readCorpus(corpusDir);
  texts = corpus.test.map(({ text }) => text);
});

nativeTest(
  'native scores of every test listing are those of WebAssembly to 1e-5, with the same spans',
  async () => {
    const model = await readModel(await currentModelDir(join(import.meta.dirname, '../../models'), null));
    expect(texts.length).toBeGreaterThan(500);
    expectSameScores(await scoresOn('native', model, texts), await scoresOn('wasm', model, texts));
  },
);

/** Trains on the small corpus and scores all texts with what was learned, always on WebAssembly. */
async function learn(backend: 'native' | 'wasm', corpus: string): Promise<number[]> {
  const modelsDir = mkdtempSync(join(tmpdir(), 'saring-models-'));
  onTestFinished(() => rmSync(modelsDir, { recursive: true, force: true }));
  const engines = new Set<string>();
  const onProgress = () => void engines.add(tf.getBackend());
  const { dir } = await train({
    corpusDir: corpus,
    backgroundFiles: [],
    modelsDir,
    backend,
    epochs: 2,
    seed: 1,
    onProgress,
  });
  expect([...engines]).toEqual([backend === 'native' ? 'tensorflow' : 'wasm']);
  return (await scoresOn('wasm', await readModel(dir), texts)).probabilities;
}

nativeTest(
  'native training gives a model whose probabilities are those of one trained on WebAssembly to 1e-4',
  async () => {
    const corpus = smallCorpus();
    const native = await learn('native', corpus);
    const wasm = await learn('wasm', corpus);
    // Sums in another order differ in their last places, and training carries that on: 7e-6 was the most in five pairs.
    expect(greatestDistance(native, wasm)).toBeLessThan(1e-4);
  },
);

test('TFJS_BACKEND=native ends with one line that says what to do where tfjs-node does not load', async () => {
  const hook = pathToFileURL(join(import.meta.dirname, 'child/without-native.ts'));
  const env = { TFJS_BACKEND: 'native', NODE_OPTIONS: `--import=${hook}` };
  const { code, err } = await runSaring(['score'], { env, input: '{"text":"bal import"}\n' });
  expect(code).toBe(1);
  expect(err.trim().split('\n')).toHaveLength(1);
  expect(err).toContain('TFJS_BACKEND=native does not load here: Cannot find');
  expect(err).toContain('use auto, wasm or js');
});
