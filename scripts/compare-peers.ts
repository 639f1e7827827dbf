/**
 * saring beside what one would otherwise take: fastText, scikit-learn, and a clerk's keyword list. All learn from the
 * corpus' training authors, and from half of the background texts where a file of them is given; a quarter of those has
 * a say in every threshold. All are judged on the same texts in one run; then their speed is measured in interleaved
 * rounds.
 * Usage: node scripts/compare-peers.ts [--background FILE]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readBackground } from '../src/classifier/background.ts';
import { leastPrecision } from '../src/classifier/choose-policy.ts';
import { loadClassifier } from '../src/classifier/classifier.ts';
import { readCorpus } from '../src/classifier/corpus.ts';
import { currentModelDir } from '../src/classifier/current-model.ts';
import { mostFalseFlagsPer10k } from '../src/classifier/thresholds.ts';
import { readConfig } from '../src/config.ts';
import { AppError } from '../src/domain/app-error.ts';
import { clerkPeers } from './peers/clerk.ts';
import { chooseThreshold } from './peers/contestant.ts';
import { fastText, learnFastText } from './peers/fast-text.ts';
import { calibrate, type Example } from './peers/peer.ts';
import { backgroundTable, qualityTable } from './peers/quality-tables.ts';
import { saringPeer } from './peers/saring.ts';
import { learnScikitLearn, python } from './peers/scikit-learn.ts';
import { speedTable } from './peers/speed.ts';
import { learnedFromTheSame } from './peers/training-data.ts';

const corpusDir = join(import.meta.dirname, '../data/corpus');
/** Three nights' listings. */
const speedRows = 300_000;

function checkPeersAreInstalled(): void {
  const missing = [
    ...(existsSync(fastText) ? [] : ['fasttext']),
    ...(spawnSync(python, ['-c', 'import sklearn']).status === 0 ? [] : ['python3-sklearn']),
  ];
  if (missing.length === 0) return;
  const message = `peers are missing; install them with: apt-get install ${missing.join(' ')}`;
  throw new AppError('PEERS_MISSING', 500, message);
}

function describeRows(rows: readonly Example[]): string {
  return `${rows.length} listings, ${rows.filter(({ label }) => label === 'offer').length} offers`;
}

function say(...paragraphs: string[]): void {
  for (const paragraph of paragraphs) console.log(`${paragraph}\n`);
}

async function compare(backgroundFile: string | null, folder: string): Promise<void> {
  const { train, validation, test, hash } = await readCorpus(corpusDir);
  const background = await readBackground(backgroundFile === null ? [] : [backgroundFile]);
  const examples: Example[] = [...train, ...background.learned];
  const { models: settings } = readConfig(process.env);
  const modelDir = await currentModelDir(settings.dir, settings.version);
  const classifier = await loadClassifier({ modelDir, backend: settings.backend });
  const same = learnedFromTheSame(modelDir, hash, backgroundFile);
  say(
    `Peers learn from ${train.length} listings of the training authors and ${background.learned.length} background texts; ` +
      `saring is the model in force, ${classifier.modelVersion} on ${classifier.backend}, which learned from ` +
      `${same ? 'exactly these' : 'OTHER DATA (its card tells which)'}, and from elements and mutated copies besides.`,
  );

  const contestants = [
    saringPeer(classifier, folder),
    calibrate(learnFastText(examples, folder), validation),
    calibrate(learnScikitLearn(examples, folder), validation),
    ...clerkPeers(),
  ].map((peer) => chooseThreshold(peer, validation, background.chosenBy));
  say(
    'Average precision has 95 % bootstrap intervals, shares Wilson’s. Recall at a precision takes the best threshold on ' +
      'the judged listings themselves, for every peer, so it flatters all alike; – where none reaches it. "Flags at" was chosen on the validation ' +
      'authors, by probability alone: the lowest threshold from which the Wilson lower bound of precision is at least ' +
      `${leastPrecision.toFixed(2)}${background.chosenBy.length === 0 ? '' : ` and, of ${background.chosenBy.length} background texts, so few are flagged that at most ${mostFalseFlagsPer10k} of 10,000 more would be`}; ` +
      '* where none keeps that, the one with the greatest bound. fastText and scikit-learn were calibrated on the ' +
      'validation authors as saring is (Platt).',
    `### Validation authors: ${describeRows(validation)} (calibration and thresholds come from them, so they flatter)`,
    qualityTable(contestants, validation),
  );
  say(`### Test authors: ${describeRows(test)}`, qualityTable(contestants, test));
  if (background.reported.length > 0) {
    say(
      `### ${background.reported.length} background texts by which nothing was learned or chosen (none is an offer)`,
      backgroundTable(contestants, background.reported),
    );
  }
  classifier.close();

  const distinct = [...train, ...validation, ...test, ...Object.values(background).flat()].map(
    ({ text }) => text,
  );
  const texts = Array.from({ length: speedRows }, (_, index) => distinct[index % distinct.length] ?? '');
  say(
    '### Speed: whole processes on one processor unless it says more, start included, text file to probabilities file',
    `${speedRows} rows: ${distinct.length} texts again and again. saring writes the elements too; fastText’s file was lower-cased beforehand. Where it says no more, texts are lines of a file.`,
    speedTable(contestants, texts),
  );
}

const folder = mkdtempSync(join(tmpdir(), 'saring-peers-'));
try {
  const { values } = parseArgs({ options: { background: { type: 'string' } } });
  checkPeersAreInstalled();
  await compare(values.background ?? null, folder);
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
