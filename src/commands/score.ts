import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { AppError } from '../domain/app-error.ts';
import type { Verdict } from '../domain/policy.ts';
import { readListingBlocks } from '../intake/read-listings.ts';
import { unpackIfGzip } from '../intake/unpack-gzip.ts';
import { type ProgressBar, startProgressBar } from './progress-bar.ts';
import { openResultWriter } from './result-writer.ts';
import { type LaneOptions, openLanes } from './score-lanes.ts';
import { type Block, headerOf, type ScoredBlock } from './score-rows.ts';

/** Enough for the classifier to run at full speed, few enough to stay small in memory. */
const rowsAtOnce = 1_024;
const unitsAtOnce = 1_000_000;

/** Smaller inputs are done before more threads would have started. */
const leastForThreads = 8 * 1024 * 1024;
const mostThreads = 4;

export type ScoreOptions = LaneOptions & {
  files: string[];
  /** Whether each line of the files is a text, rather than a record of some format. */
  lines: boolean;
  out: string | null;
  /** Threads that score; null lets the size of the files and the machine's processors decide. */
  threads: number | null;
};

/** What was done, for the summary and the exit code. */
export type ScoreSummary = { scored: number; bad: number; seconds: number } & Record<Verdict, number>;

/**
 * Scores files of listings, plain or gzip, or standard input where a file is `-`, row by row in constant memory. Bad rows are
 * reported as `file:line: problem` on standard error and skipped.
 *
 * @throws AppError FILE_UNREADABLE before anything is written, MODEL_INVALID or BACKEND_UNAVAILABLE
 */
export async function scoreFiles(options: ScoreOptions): Promise<ScoreSummary> {
  const files = options.files.length === 0 ? ['-'] : options.files;
  const bytes = await totalBytes(files);
  const lanes = await openLanes(options.threads ?? threadsFor(bytes), options);
  const bar = startProgressBar('scoring', bytes);
  const writer = openResultWriter(options.out);
  const summary: ScoreSummary = { scored: 0, bad: 0, seconds: 0, flag: 0, watch: 0, clear: 0 };
  const began = performance.now();
  let bytesRead = 0;
  /** Blocks that were handed over, in order; results are written in the same. */
  const underWay: Promise<ScoredBlock>[] = [];

  async function writeFirst(): Promise<void> {
    const scored = await underWay.shift();
    if (scored === undefined) return;
    await writer.write(scored.bytes);
    for (const verdict of ['flag', 'watch', 'clear'] as const) {
      summary[verdict] += scored.verdicts[verdict];
      summary.scored += scored.verdicts[verdict];
    }
    showProgress(bar, bytesRead, summary, began);
  }

  try {
    await writer.write(headerOf(options.format));
    for (const file of files) {
      const source = counted(file, (count) => {
        bytesRead += count;
      });
      const blocks = readListingBlocks(unpackIfGzip(source), { now: new Date(), lines: options.lines });
      for await (const block of inBlocks(file, blocks, (line, problem) => {
        summary.bad += 1;
        bar.line(`${file}:${line}: ${problem}`);
      })) {
        const scoring = lanes.score(block);
        scoring.catch(() => undefined); // heard when its turn comes
        underWay.push(scoring);
        if (underWay.length >= lanes.ahead) await writeFirst();
      }
    }
    while (underWay.length > 0) await writeFirst();
    await writer.close();
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    bar.stop();
    await lanes.close();
  }
  summary.seconds = (performance.now() - began) / 1000;
  return summary;
}

/** Of standard input nobody knows the size, so that its first score comes soon. */
function threadsFor(bytes: number | null): number {
  return bytes === null || bytes < leastForThreads ? 1 : Math.min(availableParallelism(), mostThreads);
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
  file: string,
  blocks: ReturnType<typeof readListingBlocks>,
  onProblem: (line: number, problem: string) => void,
): AsyncGenerator<Block> {
  let block: Block = { file, lines: [], ids: [], texts: [] };
  let units = 0;
  for await (const rows of blocks) {
    for (const row of rows) {
      if (!('listing' in row)) {
        onProblem(row.line, row.problem);
        continue;
      }
      block.lines.push(row.line);
      block.ids.push(row.id);
      block.texts.push(row.listing.text);
      units += row.listing.text.length;
      if (block.texts.length >= rowsAtOnce || units >= unitsAtOnce) {
        yield block;
        block = { file, lines: [], ids: [], texts: [] };
        units = 0;
      }
    }
  }
  if (block.texts.length > 0) yield block;
}
