/**
 * What benchmark-backends.ts runs in a process of its own: one backend, told as one line of JSON.
 * Usage: node scripts/measure-backend.ts BACKEND CORPUS MODELS, where CORPUS is trained on and the model put into MODELS
 */
import { join } from 'node:path';
import { z } from 'zod';
import { type Classifier, loadClassifier } from '../src/classifier/classifier.ts';
import { readCorpus } from '../src/classifier/corpus.ts';
import { currentModelDir } from '../src/classifier/current-model.ts';
import { AppError } from '../src/domain/app-error.ts';

const root = join(import.meta.dirname, '..');
const [backendName, trainingCorpus = '', modelsDir = ''] = process.argv.slice(2);
const backend = z.enum(['native', 'wasm', 'js']).parse(backendName);
/** As `saring score` asks for them. */
const textsAtOnce = 256;

function postsPerSecond(classifier: Classifier, texts: readonly string[], spans: boolean): number {
  const score = (some: readonly string[]) => {
    for (let from = 0; from < some.length; from += textsAtOnce)
      classifier.scoreMany(some.slice(from, from + textsAtOnce), { spans });
  };
  score(texts.slice(0, texts.length / 4)); // warms up
  const began = performance.now();
  score(texts);
  return texts.length / ((performance.now() - began) / 1000);
}

function peakMib(): number {
  return process.resourceUsage().maxRSS / 1024;
}

async function trainingSeconds(): Promise<number> {
  // Not earlier: what only training needs is no part of a start.
  const { standardEpochs, train } = await import('../src/classifier/train.ts');
  const began = performance.now();
  await train({
    corpusDir: trainingCorpus,
    backgroundFiles: [],
    modelsDir,
    seed: 1,
    backend,
    epochs: standardEpochs,
    onProgress: () => undefined,
  });
  return (performance.now() - began) / 1000;
}

async function measure(): Promise<object> {
  const modelDir = await currentModelDir(join(root, 'models'), null);
  const classifier = await loadClassifier({ modelDir, backend });
  classifier.scoreMany(['bal segel import korea']);
  const firstScoreAt = Date.now();
  const corpus = await readCorpus(join(root, 'data/corpus'));
  const texts = [...corpus.train, ...corpus.test].map(({ text }) => text);
  const plain = postsPerSecond(classifier, texts, false);
  const withSpans = postsPerSecond(classifier, texts, true);
  const scoringMib = peakMib();
  classifier.close();
  const training = await trainingSeconds();
  return { firstScoreAt, plain, withSpans, scoringMib, training, trainingMib: peakMib() };
}

const result = await measure().catch((error: unknown) => {
  if (error instanceof AppError && error.code === 'BACKEND_UNAVAILABLE') return { missing: error.message };
  throw error;
});
console.log(JSON.stringify(result));
