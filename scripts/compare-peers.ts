/**
 * saring beside what one would otherwise take: fastText, scikit-learn, and a clerk's keyword list. All learn from the
 * corpus' training authors, and from half of the background texts where a file of them is given, and are judged on
 * the same texts in one run; then their speed is measured in interleaved rounds.
 * Usage: node scripts/compare-peers.ts [--background FILE]
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { fitCalibration, sigmoid } from '../src/classifier/calibrate.ts';
import { choosePolicy, measureThresholds } from '../src/classifier/choose-policy.ts';
import { type Classifier, loadClassifier } from '../src/classifier/classifier.ts';
import { type Corpus, type LabelledRow, readCorpus, readLabelled } from '../src/classifier/corpus.ts';
import { currentModelDir } from '../src/classifier/current-model.ts';
import type { Estimate } from '../src/classifier/intervals.ts';
import { modelFiles } from '../src/classifier/model-files.ts';
import { type Judged, measureQuality } from '../src/classifier/quality.ts';
import { createRandom, shuffle } from '../src/classifier/random.ts';
import { readConfig } from '../src/config.ts';
import { AppError } from '../src/domain/app-error.ts';

const corpusDir = join(import.meta.dirname, '../data/corpus');
const saringMain = join(import.meta.dirname, '../src/main.ts');
const sklearnScript = join(import.meta.dirname, 'peers/sklearn-peer.py');
const keywordFile = join(import.meta.dirname, 'peers/clerk-keywords.txt');

/** Debian's own, so that what is measured does not depend on what else is on PATH. */
const fastText = '/usr/bin/fasttext';
const python = '/usr/bin/python3';

const fastTextSettings = {
  minn: 3,
  maxn: 5,
  wordNgrams: 2,
  dim: 32,
  bucket: 200_000,
  epoch: 25,
  lr: 0.5,
  thread: 1,
};
const shuffleSeed = 1;
const textsAtOnce = 256;
/** A clerk flags a text with at least so many of the words. */
const clerkHits = 2;
/** measureThresholds tries hundredths, so a hundredth for each hit makes it try every number of hits. */
const perHit = 0.01;
const mostHits = 99;
/** What choosePolicy promises, to tell where no threshold kept it. */
const leastPrecision = 0.9;
const judgedPrecisions = [0.95, 0.9];

const speedRows = 50_000;
const rounds = 3;

type Example = Pick<LabelledRow, 'text' | 'label'>;
type Scorer = (texts: readonly string[]) => Promise<number[]>;
type Peer = {
  name: string;
  score: Scorer;
  /** A threshold that belongs to the peer; null has one chosen on the validation authors. */
  flagAt: number | null;
  describeThreshold(flagAt: number): string;
};
type Racer = { name: string; command: string[]; output: string; printsProbabilities: boolean };
/** Posts per second of each round: of the whole process, and of its prediction alone where it tells that. */
type Lap = { whole: number; prediction: number | null };

/** Something that a plain line tells all about. */
class PlainError extends Error {}

function checkPeersAreInstalled(): void {
  const missing = [
    ...(existsSync(fastText) ? [] : ['fasttext']),
    ...(spawnSync(python, ['-c', 'import sklearn']).status === 0 ? [] : ['python3-sklearn']),
  ];
  if (missing.length > 0)
    throw new PlainError(`peers are missing; install them with: apt-get install ${missing.join(' ')}`);
}

/**
 * Runs a program to its end.
 *
 * @param outFile gets its standard output
 * @returns standard output, where no file takes it
 */
async function run([program = '', ...args]: readonly string[], outFile: string | null): Promise<string> {
  const file = outFile === null ? null : await open(outFile, 'w');
  try {
    const child = spawn(program, args, { stdio: ['ignore', file?.fd ?? 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout?.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    child.stderr?.on('data', (piece: Buffer) => {
      errors += piece.toString();
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${errors}`);
    return output;
  } finally {
    await file?.close();
  }
}

function toNdjson(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

async function readLines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n');
}

/** As fastText wants a text: words apart by single spaces, on one line. */
function fastTextLine(text: string): string {
  return text.toLowerCase().replace(/\s+/g, ' ').trim();
}

function fastTextPredict(model: string, input: string): string[] {
  return [fastText, 'predict-prob', model, input, '2'];
}

function sklearnPredict(model: string, input: string, output: string): string[] {
  return [python, sklearnScript, 'predict', model, input, output];
}

const twoDigits = (flagAt: number) => flagAt.toFixed(2);

function saringPeer(classifier: Classifier): Peer {
  const score: Scorer = async (texts) => {
    const probabilities: number[] = [];
    for (let from = 0; from < texts.length; from += textsAtOnce) {
      const scores = classifier.scoreMany(texts.slice(from, from + textsAtOnce));
      probabilities.push(...scores.map(({ probability }) => probability));
    }
    return probabilities;
  };
  return { name: 'saring', score, flagAt: null, describeThreshold: twoDigits };
}

/** Learns fastText's model into the file `${model}.bin`. */
async function learnFastText(examples: readonly Example[], folder: string, model: string): Promise<Peer> {
  // fastText learns in the order of the file; author after author would make it forget the first.
  const order = examples.map((_example, index) => index);
  shuffle(order, createRandom(shuffleSeed));
  const lines = order.flatMap((index) => examples[index] ?? []);
  const file = join(folder, 'fasttext-examples.txt');
  await writeFile(file, lines.map(({ text, label }) => `__label__${label} ${fastTextLine(text)}\n`).join(''));
  const settings = Object.entries(fastTextSettings).flatMap(([name, value]) => [`-${name}`, String(value)]);
  await run([fastText, 'supervised', '-input', file, '-output', model, ...settings], null);
  const score: Scorer = async (texts) => {
    const input = join(folder, 'fasttext-texts.txt');
    const output = join(folder, 'fasttext-probabilities.txt');
    await writeFile(input, texts.map((text) => `${fastTextLine(text)}\n`).join(''));
    await run(fastTextPredict(`${model}.bin`, input), output);
    return (await readLines(output)).map(readFastTextLine);
  };
  return { name: 'fastText', score, flagAt: null, describeThreshold: twoDigits };
}

/** Both labels are read because their probabilities add up to a little more than 1. */
function readFastTextLine(line: string): number {
  const probability = (label: Example['label']) =>
    Number(new RegExp(`__label__${label} (\\S+)`).exec(line)?.[1] ?? Number.NaN);
  return probability('offer') / (probability('offer') + probability('other'));
}

async function learnSklearn(examples: readonly Example[], folder: string, model: string): Promise<Peer> {
  const file = join(folder, 'sklearn-examples.ndjson');
  await writeFile(file, toNdjson(examples.map(({ text, label }) => ({ text, label }))));
  await run([python, sklearnScript, 'train', file, model], null);
  const score: Scorer = async (texts) => {
    const input = join(folder, 'sklearn-texts.ndjson');
    const output = join(folder, 'sklearn-probabilities.txt');
    await writeFile(input, toNdjson(texts.map((text) => ({ text }))));
    await run(sklearnPredict(model, input, output), null);
    return (await readLines(output)).map(Number);
  };
  return { name: 'scikit-learn', score, flagAt: null, describeThreshold: twoDigits };
}

/**
 * A peer with its probabilities calibrated on the validation authors, as saring's are. It changes no order; without it
 * a peer whose probabilities crowd near 1 would suffer from thresholds being tried in hundredths.
 */
async function calibrate(peer: Peer, rows: readonly Example[]): Promise<Peer> {
  const logOdds = async (texts: readonly string[]) => (await peer.score(texts)).map(toLogOdds);
  const { slope, intercept } = fitCalibration(
    await logOdds(rows.map(({ text }) => text)),
    rows.map(({ label }) => label === 'offer'),
  );
  const score: Scorer = async (texts) =>
    (await logOdds(texts)).map((odds) => sigmoid(slope * odds + intercept));
  return { ...peer, score };
}

function toLogOdds(probability: number): number {
  const inside = Math.min(Math.max(probability, Number.EPSILON), 1 - Number.EPSILON);
  return Math.log(inside / (1 - inside));
}

/** The clerk's list, once at the threshold that suits it best and once as a clerk would use it. */
async function keywordPeers(): Promise<Peer[]> {
  const count = createKeywordCounter(await readFile(keywordFile, 'utf8'));
  const score: Scorer = async (texts) => texts.map((text) => Math.min(count(text), mostHits) * perHit);
  const describeThreshold = (flagAt: number) => {
    const hits = Math.round(flagAt / perHit);
    return hits === 1 ? '1 word' : `${hits} words`;
  };
  return [
    { name: 'keyword list', score, flagAt: null, describeThreshold },
    { name: `keyword list, at ${clerkHits} words`, score, flagAt: clerkHits * perHit, describeThreshold },
  ];
}

/** Counts the different keywords in a text; of overlapping ones the longest, so that "bal press" is one and not two. */
function createKeywordCounter(list: string): (text: string) => number {
  const patterns = list
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().toLowerCase())
    .filter((keyword) => keyword !== '')
    .sort((a, b) => b.length - a.length)
    .map((keyword) => keyword.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/\s+/g, '\\s+'));
  const anyKeyword = new RegExp(`(?<![\\p{L}\\p{N}])(?:${patterns.join('|')})(?![\\p{L}\\p{N}])`, 'gu');
  return (text) =>
    new Set(Array.from(text.toLowerCase().matchAll(anyKeyword), ([hit]) => hit.replace(/\s+/g, ' '))).size;
}

/** Peers give one probability and no elements, so elements are taken as certain, for saring too. */
const certain = { clothing: 1, used: 1, imported: 1, offered: 1, bulk: 1 };

async function judge(score: Scorer, rows: readonly Example[]): Promise<Judged[]> {
  const probabilities = await score(rows.map(({ text }) => text));
  if (probabilities.length !== rows.length || !probabilities.every(Number.isFinite))
    throw new Error(`${rows.length} texts were given ${probabilities.length} scores, or some are no numbers`);
  return rows.map(({ label }, index) => ({
    score: { probability: probabilities[index] ?? Number.NaN, elements: certain },
    offer: label === 'offer',
  }));
}

/**
 * The greatest share of offers found by any threshold with at least this precision; null where there is none. Texts
 * with the same score count as one step, as in average precision.
 */
function recallAtPrecision(judged: readonly Judged[], least: number): number | null {
  const steps = [...Map.groupBy(judged, ({ score }) => score.probability)].sort(([a], [b]) => b - a);
  let flagged = 0;
  let hits = 0;
  let bestHits = 0;
  for (const [, step] of steps) {
    flagged += step.length;
    hits += step.filter(({ offer }) => offer).length;
    if (hits / flagged >= least) bestHits = hits;
  }
  return bestHits === 0 ? null : bestHits / judged.filter(({ offer }) => offer).length;
}

/** A threshold without element floors, which peers have not. */
function policyAt(flagAt: number): Parameters<typeof measureQuality>[1] {
  return {
    flagAt,
    watchAt: flagAt,
    elementFloors: { clothing: 0, used: 0, imported: 0, offered: 0, bulk: 0 },
  };
}

type Contestant = Peer & { chosenAt: number; threshold: string; validation: Judged[] };

async function chooseThreshold(peer: Peer, rows: readonly Example[]): Promise<Contestant> {
  const validation = await judge(peer.score, rows);
  const { flagAt, promise } = choosePolicy(measureThresholds(validation), peer.name);
  const kept = peer.flagAt !== null || promise.precisionLowerBound >= leastPrecision;
  const chosenAt = peer.flagAt ?? flagAt;
  const threshold = `${peer.describeThreshold(chosenAt)}${kept ? '' : ' *'}`;
  return { ...peer, chosenAt, threshold, validation };
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function share({ value, low, high }: Estimate): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function rate({ value, low, high }: Estimate): string {
  return `${value.toFixed(0)} [${low.toFixed(0)}, ${high.toFixed(0)}]`;
}

function qualityRow({ name, chosenAt, threshold }: Contestant, judged: readonly Judged[]): string[] {
  const quality = measureQuality(judged, policyAt(chosenAt));
  return [
    name,
    share(quality.averagePrecision),
    ...judgedPrecisions.map((least) => recallAtPrecision(judged, least)?.toFixed(3) ?? '–'),
    threshold,
    share(quality.precision),
    share(quality.recall),
    rate(quality.falseFlagsPer10k),
  ];
}

function qualityTable(rows: readonly string[][]): string {
  const recalls = judgedPrecisions.map((least) => `recall at precision ${least.toFixed(2)}`);
  const header = ['peer', 'average precision', ...recalls, 'flags at', 'precision', 'recall'];
  return markdownTable([...header, 'false flags per 10,000'], rows);
}

async function backgroundTable(
  contestants: readonly Contestant[],
  rows: readonly Example[],
): Promise<string> {
  const lines: string[][] = [];
  for (const { name, score, chosenAt, threshold } of contestants) {
    const judged = await judge(score, rows);
    const flags = judged.filter(({ score: { probability } }) => probability >= chosenAt).length;
    const { falseFlagsPer10k } = measureQuality(judged, policyAt(chosenAt));
    lines.push([name, threshold, String(flags), rate(falseFlagsPer10k)]);
  }
  return markdownTable(['peer', 'flags at', 'false flags', 'false flags per 10,000'], lines);
}

/** The first processor this process may use: to share one is the only way to hold Node's helpers to one thread. */
async function firstProcessor(): Promise<string> {
  const status = await readFile('/proc/self/status', 'utf8');
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1] ?? '0';
}

async function makeRacers(
  texts: readonly string[],
  folder: string,
  models: { fastText: string; sklearn: string },
): Promise<Racer[]> {
  const lines = join(folder, 'speed.txt');
  const ndjson = join(folder, 'speed.ndjson');
  await writeFile(lines, texts.map((text) => `${fastTextLine(text)}\n`).join(''));
  await writeFile(ndjson, toNdjson(texts.map((text, index) => ({ id: `n${index}`, text }))));
  const at = (name: string) => join(folder, name);
  const saring = [process.execPath, saringMain, 'score', ndjson, '--out', at('speed-saring.ndjson')];
  return [
    { name: 'saring', command: saring, output: at('speed-saring.ndjson'), printsProbabilities: false },
    {
      name: 'fastText',
      command: fastTextPredict(`${models.fastText}.bin`, lines),
      output: at('speed-fasttext.txt'),
      printsProbabilities: true,
    },
    {
      name: 'scikit-learn',
      command: sklearnPredict(models.sklearn, ndjson, at('speed-sklearn.txt')),
      output: at('speed-sklearn.txt'),
      printsProbabilities: false,
    },
  ];
}

async function race({ command, output, printsProbabilities }: Racer, processor: string): Promise<Lap> {
  const began = performance.now();
  const printed = await run(
    ['taskset', '--cpu-list', processor, ...command],
    printsProbabilities ? output : null,
  );
  const seconds = (performance.now() - began) / 1000;
  const results = (await readLines(output)).length;
  if (results !== speedRows) throw new Error(`${command.join(' ')} gave ${results} results`);
  const prediction = / in ([\d.]+) s$/m.exec(printed)?.[1];
  return {
    whole: speedRows / seconds,
    prediction: prediction === undefined ? null : speedRows / Number(prediction),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function speedTable(racers: readonly Racer[]): Promise<string> {
  const processor = await firstProcessor();
  const laps = new Map<string, Lap[]>(racers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const racer of racers) laps.get(racer.name)?.push(await race(racer, processor));
  }
  const standard = laps.get('fastText') ?? [];
  const rows = [...laps].map(([name, own]) => {
    // Of the same round, since the machine may be busier in another.
    const ratios = own.map(({ whole }, round) => whole / (standard[round]?.whole ?? Number.NaN));
    const predictions = own.flatMap(({ prediction }) => prediction ?? []);
    return [
      name,
      ...own.map(({ whole }) => whole.toFixed(0)),
      median(own.map(({ whole }) => whole)).toFixed(0),
      median(ratios).toFixed(2),
      predictions.length === 0 ? '–' : median(predictions).toFixed(0),
    ];
  });
  const names = Array.from({ length: rounds }, (_, round) => `round ${round + 1}`);
  return markdownTable(
    ['posts/s', ...names, 'median', 'median ratio to fastText', 'prediction alone, as it tells'],
    rows,
  );
}

/** The halves of the background texts that `saring train` learns from and keeps. */
async function readBackground(file: string | null): Promise<{ learned: Example[]; kept: Example[] }> {
  const rows = file === null ? [] : await readLabelled(file);
  const offer = rows.find(({ label }) => label === 'offer');
  if (offer !== undefined)
    throw new PlainError(`${file}: ${offer.id} is labelled offer; background texts are negatives`);
  return {
    learned: rows.filter((_row, index) => index % 2 === 0),
    kept: rows.filter((_row, index) => index % 2 === 1),
  };
}

/** Whether the model learned from the same bytes as the peers do, by the hash that training wrote down. */
async function learnedFromTheSame(modelDir: string, corpus: Corpus, file: string | null): Promise<boolean> {
  const metrics: unknown = JSON.parse(await readFile(join(modelDir, modelFiles.metrics), 'utf8'));
  const { dataHash } = z.object({ dataHash: z.string() }).parse(metrics);
  if (file === null) return dataHash === corpus.hash;
  const hash = createHash('sha256').update(corpus.hash);
  return dataHash === hash.update(await readFile(file)).digest('hex');
}

function describeRows(rows: readonly Example[]): string {
  return `${rows.length} listings, ${rows.filter(({ label }) => label === 'offer').length} offers`;
}

function say(...paragraphs: string[]): void {
  for (const paragraph of paragraphs) console.log(`${paragraph}\n`);
}

async function compare(backgroundFile: string | null, folder: string): Promise<void> {
  const corpus = await readCorpus(corpusDir);
  const background = await readBackground(backgroundFile);
  const examples: Example[] = [...corpus.train, ...background.learned];
  const { models: settings } = readConfig(process.env);
  const modelDir = await currentModelDir(settings.dir, settings.version);
  const classifier = await loadClassifier({ modelDir, backend: settings.backend });
  const models = { fastText: join(folder, 'fasttext'), sklearn: join(folder, 'sklearn.pickle') };
  const same = await learnedFromTheSame(modelDir, corpus, backgroundFile);
  say(
    `Peers learn from ${corpus.train.length} listings of the training authors and ${background.learned.length} background texts; ` +
      `saring is the model in force, ${classifier.modelVersion} on ${classifier.backend}, which learned from ` +
      `${same ? 'exactly these' : 'OTHER DATA (its card tells which)'}, and from elements and mutated copies besides.`,
  );

  const peers = [
    saringPeer(classifier),
    await calibrate(await learnFastText(examples, folder, models.fastText), corpus.validation),
    await calibrate(await learnSklearn(examples, folder, models.sklearn), corpus.validation),
    ...(await keywordPeers()),
  ];
  const contestants: Contestant[] = [];
  for (const peer of peers) contestants.push(await chooseThreshold(peer, corpus.validation));
  say(
    'Average precision has 95 % bootstrap intervals, shares Wilson’s. Recall at a precision takes the best threshold on ' +
      'the judged listings themselves, for every peer, so it flatters all alike; – where none reaches it. "Flags at" was chosen on the validation ' +
      'authors, by probability alone: the lowest threshold from which the Wilson lower bound of precision is at least ' +
      `${leastPrecision.toFixed(2)}; * where none keeps that, the one with the greatest bound. fastText and scikit-learn were calibrated on the ` +
      'validation authors as saring is (Platt).',
    `### Validation authors: ${describeRows(corpus.validation)} (calibration and thresholds come from them, so they flatter)`,
    qualityTable(contestants.map((each) => qualityRow(each, each.validation))),
  );
  const testRows: string[][] = [];
  for (const each of contestants) testRows.push(qualityRow(each, await judge(each.score, corpus.test)));
  say(`### Test authors: ${describeRows(corpus.test)}`, qualityTable(testRows));
  if (background.kept.length > 0) {
    say(
      `### ${background.kept.length} background texts that were not learned from (none is an offer)`,
      await backgroundTable(contestants, background.kept),
    );
  }
  classifier.close();

  const distinct = [...corpus.validation, ...corpus.test].map(({ text }) => text);
  const texts = Array.from({ length: speedRows }, (_, index) => distinct[index % distinct.length] ?? '');
  say(
    `### Speed: whole processes on one processor, start included, text file to probabilities file`,
    `${speedRows} rows: ${distinct.length} texts again and again. saring writes the elements too; fastText’s file was lower-cased beforehand.`,
    await speedTable(await makeRacers(texts, folder, models)),
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { background: { type: 'string' } } });
  checkPeersAreInstalled();
  const folder = await mkdtemp(join(tmpdir(), 'saring-peers-'));
  try {
    await compare(values.background ?? null, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof PlainError || error instanceof AppError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
