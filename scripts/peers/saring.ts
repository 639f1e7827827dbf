import { join } from 'node:path';
import type { Classifier } from '../../src/classifier/classifier.ts';
import type { Peer } from './peer.ts';
import { writeNdjson } from './run-program.ts';

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
      const input = join(folder, 'saring-speed.ndjson');
      const output = join(folder, 'saring-results.ndjson');
      writeNdjson(
        input,
        texts.map((text, index) => ({ id: `n${index}`, text })),
      );
      const command = [process.execPath, saringMain, 'score', input, '--out', output, '--threads'];
      return {
        saring: { command: [...command, '1'], output, printsProbabilities: false },
        'saring, 2 threads': {
          command: [...command, '2'],
          output,
          printsProbabilities: false,
          processors: 2,
        },
      };
    },
  };
}
