import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Policy } from '../domain/policy.ts';
import { type BackendChoice, useBackend } from './backend.ts';
import { countSources, readBackground } from './background.ts';
import { fitCalibration } from './calibrate.ts';
import { choosePolicy, measureThresholds } from './choose-policy.ts';
import { createClassifier } from './classifier.ts';
import { type CorpusRow, type LabelledRow, readCorpus } from './corpus.ts';
import { currentFile } from './current-model.ts';
import { type Evaluation, evaluate, judge, measureElements } from './evaluate.ts';
import { measureEvasion } from './evasion.ts';
import { allRows, createFeatureExtractor, type FeatureExtractor, type FeatureSettings } from './features.ts';
import { toLayersFiles } from './layers-model.ts';
import { type ModelFacts, writeModelCard } from './model-card.ts';
import { type Model, modelFiles } from './model-files.ts';
import { mutate } from './mutate.ts';
import { createNetwork } from './network.ts';
import { createPool } from './pool.ts';
import { createRandom } from './random.ts';
import type { Thresholds } from './thresholds.ts';
import { type Example, type TrainingSettings, trainNetwork } from './train-network.ts';
import { heads, type Weights } from './weights.ts';

export type TrainOptions = {
  corpusDir: string;
  /**
   * NDJSON files of real texts that speak of no used imported clothing. The model learns from half of them that there
   * is none; a quarter has a say in the threshold, and the last tells how the model fares with real texts.
   */
  backgroundFiles: readonly string[];
  /** Folder that holds the models. */
  modelsDir: string;
  seed: number;
  /** WebAssembly by default: its arithmetic is the same everywhere, so the same seed gives the same file. */
  backend: BackendChoice;
  epochs: number;
  onProgress(progress: { phase: string; done: number; total: number; detail: string }): void;
};

export type TrainResult = {
  version: string;
  dir: string;
  policy: Policy;
  validation: Evaluation;
  test: Evaluation;
  /** On the background texts by which nothing was chosen; null without background. */
  background: Evaluation | null;
};

/** Standard number of passes over the training texts; chosen on validation. */
export const standardEpochs = 8;
/** Grows with every change to how texts are read or weights are learned, since the code is no part of the data. */
const recipe = 5;
/** Mutated copies of each training text. */
const copies = 4;
/** And of each background text: there are few, and they stand for nearly all that is ever scored. */
const backgroundCopies = 14;

/**
 * Chosen on validation and on the real texts that choose: a network of sixteen columns learns its authors' manner too and
 * takes many a strange text for an offer, those of four do so less but find fewer offers; together they do both.
 */
const members = [8, 4, 4, 4, 4].map((dimensions) => ({ dimensions, hidden: 4 * dimensions }));

const features: FeatureSettings = { buckets: 1 << 17, minGram: 3, maxGram: 5 };

function settingsOf(options: TrainOptions): TrainingSettings {
  return {
    buckets: features.buckets,
    members,
    epochs: options.epochs,
    batchSize: 32,
    learningRate: 0.1,
    featureDropout: 0.85,
    weightDecay: 1e-3,
    seed: options.seed,
  };
}

/**
 * Trains a model on a corpus and writes its folder. Corpus, seed, settings and backend alone decide every byte of
 * the weights, and their hash is the model's name.
 *
 * @throws AppError CORPUS_INVALID, FILE_UNREADABLE or BACKEND_UNAVAILABLE
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const corpus = await readCorpus(options.corpusDir);
  const background = await readBackground(options.backgroundFiles);
  const backend = await useBackend(options.backend);
  const settings = settingsOf(options);
  const dataHash = await hashData(corpus.hash, options.backgroundFiles);
  const version = `bag-${hashOf([recipe, dataHash, settings, features, copies, backgroundCopies, backend]).slice(0, 8)}`;
  const extract = createFeatureExtractor(features);

  const examples = makeExamples(corpus.train, background.learned, extract, settings.seed);
  const weights = trainNetwork(examples, settings, (epoch, loss) => {
    options.onProgress({
      phase: 'training',
      done: epoch,
      total: settings.epochs,
      detail: `loss ${loss.toFixed(3)}`,
    });
  });
  const model = calibrated(version, weights, corpus.validation, extract);
  const classifier = createClassifier(model, backend);
  const thresholds = measureThresholds(
    judge(classifier, corpus.validation),
    judge(classifier, background.chosenBy),
  );
  const policy = choosePolicy(thresholds, `${version}-p1`);
  const withPolicy = { ...classifier, policy };
  const validation = evaluate(withPolicy, corpus.validation);
  const test = evaluate(withPolicy, corpus.test);
  const elementErrors = {
    validation: measureElements(withPolicy, corpus.validation),
    test: measureElements(withPolicy, corpus.test),
  };
  const evasion = measureEvasion(withPolicy, corpus.test);
  const real = background.reported.length === 0 ? null : evaluate(withPolicy, background.reported);
  classifier.close();

  const dir = join(options.modelsDir, version);
  const facts: ModelFacts = {
    version,
    corpusHash: corpus.hash,
    dataHash,
    sources: countSources(background.learned),
    counts: { train: corpus.train.length, validation: corpus.validation.length, test: corpus.test.length },
    settings,
    backend,
    policy,
    validation,
    test,
    background: real,
    elementErrors,
    evasion,
  };
  await writeModel(dir, { ...model, policy }, thresholds, facts);
  await writeFile(join(options.modelsDir, currentFile), json({ version }));
  return { version, dir, policy, validation, test, background: real };
}

function makeExamples(
  rows: readonly CorpusRow[],
  background: readonly LabelledRow[],
  extract: FeatureExtractor,
  seed: number,
): Example[] {
  const random = createRandom(seed ^ 0x5eed);
  const examplesOf = (text: string, targets: Example['targets'], count: number): Example[] =>
    [text, ...Array.from({ length: count }, () => mutate(text, random))].map((each) => ({
      rows: allRows(extract(each)),
      targets,
    }));
  return [
    ...rows.flatMap((row) => examplesOf(row.text, targetsOf(row), copies)),
    ...background.flatMap((row) => examplesOf(row.text, backgroundTargets, backgroundCopies)),
  ];
}

/** What is known of a background text; whether it speaks of clothing, offers or wholesale is not. */
const backgroundTargets = heads.map((head) =>
  head === 'offer' || head === 'used' || head === 'imported' ? 0 : null,
);

function targetsOf(row: CorpusRow): number[] {
  return heads.map((head) => ((head === 'offer' ? row.label === 'offer' : row.elements[head]) ? 1 : 0));
}

function calibrated(
  version: string,
  weights: Weights,
  rows: readonly CorpusRow[],
  extract: FeatureExtractor,
): Model {
  const network = createNetwork(weights);
  const pool = createPool(weights);
  const input = new Float32Array(rows.length * weights.dimensions);
  rows.forEach((row, index) => {
    pool.write(extract(row.text), input, index * weights.dimensions);
  });
  const output = network.predict(input);
  network.dispose();
  const targets = rows.map(targetsOf);
  const calibrations = heads.map((_head, head) =>
    fitCalibration(
      rows.map((_row, row) => output[row * heads.length + head] ?? 0),
      targets.map((target) => target[head] === 1),
    ),
  );
  const none = { precisionLowerBound: 0, recall: 0, n: 0, flagged: 0, method: '' };
  const elementFloors = { clothing: 0, used: 0, imported: 0, offered: 0, bulk: 0 };
  const policy = { version: 'none', flagAt: 1, watchAt: 1, elementFloors, promise: none };
  return { version, features, weights, calibrations, policy };
}

async function writeModel(
  dir: string,
  model: Model,
  thresholds: Thresholds,
  facts: ModelFacts,
): Promise<void> {
  const part = `${dir}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true });
  const { topology, weights } = await toLayersFiles(model.weights);
  const write = (name: string, content: string | Uint8Array) => writeFile(join(part, name), content);
  await write(modelFiles.topology, json(topology));
  await write(modelFiles.weights, weights);
  await write(modelFiles.tokenizer, json({ version: model.version, settings: model.features }));
  const calibrations = Object.fromEntries(heads.map((head, index) => [head, model.calibrations[index]]));
  await write(
    modelFiles.calibration,
    json({ method: 'Platt scaling on the validation split', heads: calibrations }),
  );
  await write(modelFiles.policy, json(model.policy));
  await write(modelFiles.thresholds, json(thresholds));
  await write(modelFiles.metrics, json(facts));
  await write(modelFiles.card, writeModelCard(facts));
  await rm(dir, { recursive: true, force: true });
  await rename(part, dir);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

async function hashData(corpusHash: string, files: readonly string[]): Promise<string> {
  if (files.length === 0) return corpusHash;
  const hash = createHash('sha256').update(corpusHash);
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex');
}
