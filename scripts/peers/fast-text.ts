import { join } from 'node:path';
import { createRandom, shuffle } from '../../src/classifier/random.ts';
import type { Example, Peer, Racer } from './peer.ts';
import { readLines, runProgram, writeLines } from './run-program.ts';

/** Debian's own, so that what is measured does not depend on what else is on PATH. */
export const fastText = '/usr/bin/fasttext';

const settings = {
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

/** Teaches fastText the examples; its files go into the folder. */
export function learnFastText(examples: readonly Example[], folder: string): Peer {
  const model = join(folder, 'fasttext');
  // fastText learns in the order of the file; author after author would make it forget the first.
  const order = examples.map((_example, index) => index);
  shuffle(order, createRandom(shuffleSeed));
  const shuffled = order.flatMap((index) => examples[index] ?? []);
  const file = join(folder, 'fasttext-examples.txt');
  writeLines(
    file,
    shuffled.map(({ text, label }) => `__label__${label} ${toLine(text)}`),
  );
  const options = Object.entries(settings).flatMap(([name, value]) => [`-${name}`, String(value)]);
  runProgram([fastText, 'supervised', '-input', file, '-output', model, ...options]);

  function prepareRacer(texts: readonly string[]): Racer {
    const input = join(folder, 'fasttext-texts.txt');
    writeLines(input, texts.map(toLine));
    return {
      command: [fastText, 'predict-prob', `${model}.bin`, input, '2'],
      output: join(folder, 'fasttext-probabilities.txt'),
      printsProbabilities: true,
    };
  }
  function score(texts: readonly string[]): number[] {
    const { command, output } = prepareRacer(texts);
    runProgram(command, output);
    return readLines(output).map(readProbability);
  }
  return { name: 'fastText', score, prepareRace: (texts) => ({ fastText: prepareRacer(texts) }) };
}

/** As fastText wants a text: words apart by single spaces, on one line. */
function toLine(text: string): string {
  return text.toLowerCase().replace(/\s+/g, ' ').trim();
}

/** Both labels are read because their probabilities add up to a little more than 1. */
function readProbability(line: string): number {
  const probability = (label: Example['label']) =>
    Number(new RegExp(`__label__${label} (\\S+)`).exec(line)?.[1] ?? Number.NaN);
  return probability('offer') / (probability('offer') + probability('other'));
}
