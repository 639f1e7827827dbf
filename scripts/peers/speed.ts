import { readFileSync } from 'node:fs';
import { median } from '../median.ts';
import { markdownTable } from './markdown-table.ts';
import type { Peer, Racer } from './peer.ts';
import { readLines, runProgram } from './run-program.ts';

const rounds = 3;

/** Posts per second of each round: of the whole process, and of its prediction alone where it tells that. */
type Lap = { whole: number; prediction: number | null };

/** Posts per second of the peers that are processes, in interleaved rounds. */
export function speedTable(peers: readonly Peer[], texts: readonly string[]): string {
  const processors = allowedProcessors();
  const racers = peers
    .flatMap((peer) => Object.entries(peer.prepareRace?.(texts) ?? {}))
    .filter(([, racer]) => (racer.processors ?? 1) <= processors.length)
    .map(([name, racer]) => ({ name, racer, laps: [] as Lap[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const { racer, laps } of racers) laps.push(race(racer, texts.length, processors));
  }
  const standard = racers.find(({ name }) => name === 'fastText')?.laps ?? [];
  const rows = racers.map(({ name, laps }) => {
    // Of the same round, since the machine may be busier in another.
    const ratios = laps.map(({ whole }, round) => whole / (standard[round]?.whole ?? Number.NaN));
    const predictions = laps.flatMap(({ prediction }) => prediction ?? []);
    return [
      name,
      ...laps.map(({ whole }) => whole.toFixed(0)),
      median(laps.map(({ whole }) => whole)).toFixed(0),
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

/** The processors this process may use: to share one is the only way to hold Node's helpers to one thread. */
function allowedProcessors(): string[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
  });
}

function race(
  { command, output, printsProbabilities, processors = 1 }: Racer,
  count: number,
  allowed: readonly string[],
): Lap {
  const began = performance.now();
  const printed = runProgram(
    ['taskset', '--cpu-list', allowed.slice(0, processors).join(), ...command],
    printsProbabilities ? output : undefined,
  );
  const seconds = (performance.now() - began) / 1000;
  const results = readLines(output).length;
  if (results !== count) throw new Error(`${command.join(' ')} gave ${results} results`);
  const prediction = printsProbabilities ? undefined : / in ([\d.]+) s$/m.exec(printed)?.[1];
  return { whole: count / seconds, prediction: prediction === undefined ? null : count / Number(prediction) };
}
