import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Classifier } from '../classifier/classifier.ts';
import { AppError } from '../domain/app-error.ts';
import { elements } from '../domain/element.ts';
import type { Listing } from '../domain/listing.ts';
import type { Verdict } from '../domain/policy.ts';
import { readListings } from '../intake/read-listings.ts';
import { assess } from '../triage/triage.ts';
import { collectGarbage } from './collect-garbage.ts';
import { type ProgressBar, startProgressBar } from './progress-bar.ts';
import { openResultWriter, type ResultFormat } from './result-writer.ts';

const columns = [
  'file',
  'line',
  'id',
  'probability',
  'verdict',
  ...elements,
  'modelVersion',
  'policyVersion',
];

/** Enough for the classifier to run at full speed, few enough to stay small in memory. */
const rowsAtOnce = 256;
const unitsAtOnce = 4_000_000;

export type ScoreOptions = { files: string[]; out: string | null; format: ResultFormat };

/** What was done, for the summary and the exit code. */
export type ScoreSummary = { scored: number; bad: number; seconds: number } & Record<Verdict, number>;

type Row = { line: number; id: string | null; listing: Listing };

/**
 * Scores files of listings, or standard input where a file is `-`, row by row in constant memory. Bad rows are
 * reported as `file:line: problem` on standard error and skipped.
 *
 * @throws AppError FILE_UNREADABLE before anything is written
 */
export async function scoreFiles(options: ScoreOptions, classifier: Classifier): Promise<ScoreSummary> {
  const files = options.files.length === 0 ? ['-'] : options.files;
  const bytes = await totalBytes(files);
  const bar = startProgressBar('scoring', bytes);
  const garbage = collectGarbage();
  const writer = openResultWriter({ file: options.out, format: options.format, columns });
  const summary: ScoreSummary = { scored: 0, bad: 0, seconds: 0, flag: 0, watch: 0, clear: 0 };
  const began = performance.now();
  let bytesRead = 0;

  async function scoreRows(file: string, rows: readonly Row[]): Promise<void> {
    const scores = classifier.scoreMany(
      rows.map((row) => row.listing.text),
      { spans: false },
    );
    const results = rows.flatMap(({ line, id }, index) => {
      const score = scores[index];
      if (score === undefined) return [];
      const { verdict, policyVersion } = assess(score, classifier.policy);
      summary[verdict] += 1;
      const { probability, modelVersion } = score;
      return [
        { file, line, id: id ?? line, probability, verdict, ...score.elements, modelVersion, policyVersion },
      ];
    });
    await writer.write(results);
    summary.scored += results.length;
  }

  try {
    for (const file of files) {
      const source = counted(file, (count) => {
        bytesRead += count;
      });
      for await (const rows of inBlocks(readListings(source, { now: new Date() }), (line, problem) => {
        summary.bad += 1;
        bar.line(`${file}:${line}: ${problem}`);
      })) {
        await scoreRows(file, rows);
        showProgress(bar, bytesRead, summary, began);
      }
    }
    await writer.close();
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    garbage.stop();
    bar.stop();
  }
  summary.seconds = (performance.now() - began) / 1000;
  return summary;
}

function showProgress(bar: ProgressBar, bytesRead: number, summary: ScoreSummary, began: number): void {
  const perSecond = Math.round(summary.scored / ((performance.now() - began) / 1000));
  bar.update(bytesRead, `${summary.scored} listings, ${summary.flag} flagged, ${perSecond}/s`);
}

async function totalBytes(files: readonly string[]): Promise<number | null> {
  let total = 0;
  for (const file of files) {
    if (file === '-') return null;
    const info = await stat(file).catch((cause: unknown) => {
      throw new AppError('FILE_UNREADABLE', 422, `${file} cannot be read; check the path`, { cause });
    });
    if (info.isDirectory())
      throw new AppError('FILE_UNREADABLE', 422, `${file} is a folder; name the files in it`);
    total += info.size;
  }
  return total;
}

async function* counted(file: string, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  const source: AsyncIterable<Uint8Array> = file === '-' ? process.stdin : createReadStream(file);
  for await (const piece of source) {
    onBytes(piece.byteLength);
    yield piece;
  }
}

async function* inBlocks(
  rows: ReturnType<typeof readListings>,
  onProblem: (line: number, problem: string) => void,
): AsyncGenerator<Row[]> {
  let block: Row[] = [];
  let units = 0;
  for await (const row of rows) {
    if (!('listing' in row)) {
      onProblem(row.line, row.problem);
      continue;
    }
    block.push(row);
    units += row.listing.text.length;
    if (block.length >= rowsAtOnce || units >= unitsAtOnce) {
      yield block;
      block = [];
      units = 0;
    }
  }
  if (block.length > 0) yield block;
}
