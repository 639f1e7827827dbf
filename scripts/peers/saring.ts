import { join } from 'node:path';
import type { Classifier } from '../../src/classifier/classifier.ts';
import type { Peer } from './peer.ts';
import { writeLines, writeNdjson } from './run-program.ts';

const saringMain = join(import.meta.dirname, '../../src/main.ts');
const textsAtOnce = 256;

/** saring itself: the model in force. */
export function saringPeer(classifier: Classifier, folder: string): Peer {
  return {
    name: 'saring',
    score(texts) {
      const probabilities: number[] = [];
      for (let from = 0; from < texts.length; from += textsAtOnce) {
        const scores = classifier.scoreMany(texts.slice(from, from + textsAtOnce));
        probabilities.push(...scores.map(({ probability }) => probability));
      }
      return probabilities;
    },
    prepareRace(texts) {
      const records = join(folder, 'saring-speed.ndjson');
      const lines = join(folder, 'saring-speed.txt');
      const output = join(folder, 'saring-results.ndjson');
      writeNdjson(
        records,
        texts.map((text, index) => ({ id: `n${index}`, text })),
      );
      writeLines(
        lines,
        texts.map((text) => text.replace(/\s+/g, ' ')),
      );
      const racer = (args: string[], processors: number) => ({
        command: [
          process.execPath,
          saringMain,
          'score',
          ...args,
          '--out',
          output,
          '--threads',
          `${processors}`,
        ],
        output,
        printsProbabilities: false,
        processors,
      });
      return {
        saring: racer(['--lines', lines], 1),
        'saring, 2 threads': racer(['--lines', lines], 2),
        'saring, NDJSON': racer([records], 1),
        'saring, NDJSON, 2 threads': racer([records], 2),
      };
    },
  };
}
