import { join } from 'node:path';
import type { Example, Peer, Racer } from './peer.ts';
import { readLines, runProgram, writeNdjson } from './run-program.ts';

/** Debian's own, so that what is measured does not depend on what else is on PATH. */
export const python = '/usr/bin/python3';

const script = join(import.meta.dirname, 'sklearn-peer.py');

/** Teaches scikit-learn the examples; its files go into the folder. */
export function learnScikitLearn(examples: readonly Example[], folder: string): Peer {
  const model = join(folder, 'sklearn.pickle');
  const file = join(folder, 'sklearn-examples.ndjson');
  writeNdjson(
    file,
    examples.map(({ text, label }) => ({ text, label })),
  );
  runProgram([python, script, 'train', file, model]);

  function prepareRacer(texts: readonly string[]): Racer {
    const input = join(folder, 'sklearn-texts.ndjson');
    const output = join(folder, 'sklearn-probabilities.txt');
    writeNdjson(
      input,
      texts.map((text) => ({ text })),
    );
    return { command: [python, script, 'predict', model, input, output], output, printsProbabilities: false };
  }
  function score(texts: readonly string[]): number[] {
    const { command, output } = prepareRacer(texts);
    runProgram(command);
    return readLines(output).map(Number);
  }
  return { name: 'scikit-learn', score, prepareRace: (texts) => ({ 'scikit-learn': prepareRacer(texts) }) };
}
