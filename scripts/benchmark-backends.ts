/**
 * TensorFlow.js' backends beside one another, each in processes of its own, in interleaved rounds; the table holds
 * medians. Training is the whole of `train` on the first author of each split.
 * Usage: node scripts/benchmark-backends.ts [rounds]
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { splits } from '../src/classifier/corpus.ts';
import { median } from './median.ts';
import { markdownTable } from './peers/markdown-table.ts';
import { runProgram } from './peers/run-program.ts';

const rounds = Number(process.argv[2] ?? 5);
const backends = ['native', 'wasm', 'js'] as const;
const corpusDir = join(import.meta.dirname, '../data/corpus');

/** What measure-backend.ts tells. */
const Report = z.union([
  z.object({
    firstScoreAt: z.number(),
    plain: z.number(),
    withSpans: z.number(),
    scoringMib: z.number(),
    training: z.number(),
    trainingMib: z.number(),
  }),
  z.object({ missing: z.string() }),
]);
type Lap = { startMs: number } & Exclude<z.infer<typeof Report>, { missing: string }>;

const folder = mkdtempSync(join(tmpdir(), 'saring-backends-'));
const trainingCorpus = join(folder, 'corpus');
for (const split of splits) {
  const [name = ''] = readdirSync(join(corpusDir, split)).sort();
  cpSync(join(corpusDir, split, name), join(trainingCorpus, split, name));
}

function measure(backend: string): Lap | { missing: string } {
  const script = join(import.meta.dirname, 'measure-backend.ts');
  const spawnedAt = Date.now();
  const output = runProgram([process.execPath, script, backend, trainingCorpus, join(folder, 'models')]);
  const report = Report.parse(JSON.parse(output));
  return 'missing' in report ? report : { ...report, startMs: report.firstScoreAt - spawnedAt };
}

const results = backends.map((name) => ({ name, laps: [] as Lap[], missing: '' }));
for (let round = 0; round < rounds; round += 1) {
  for (const result of results.filter(({ missing }) => missing === '')) {
    const lap = measure(result.name);
    if ('missing' in lap) result.missing = lap.missing;
    else result.laps.push(lap);
  }
}
rmSync(folder, { recursive: true, force: true });

const loaded = results.filter(({ missing }) => missing === '');
const rows = loaded.map(({ name, laps }) => {
  const middle = (number: keyof Lap, digits = 0) => median(laps.map((lap) => lap[number])).toFixed(digits);
  return [
    name,
    middle('startMs'),
    middle('plain'),
    middle('withSpans'),
    middle('scoringMib'),
    middle('training', 1),
    middle('trainingMib'),
  ];
});
console.log(
  markdownTable(
    [
      'backend',
      'process start to first score, ms',
      'posts/s',
      'posts/s with spans',
      'peak memory of that, MiB',
      'a small training, s',
      'peak memory then, MiB',
    ],
    rows,
  ),
);
for (const { name, missing } of results)
  if (missing !== '') console.log(`\n${name} was not measured: ${missing}`);
