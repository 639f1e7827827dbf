import { stringify } from 'csv-stringify/sync';
import type { Classifier } from '../classifier/classifier.ts';
import { elements } from '../domain/element.ts';
import { type Verdict, verdictOf } from '../domain/policy.ts';
import type { Score } from '../domain/score.ts';

export const resultFormats = ['ndjson', 'csv'] as const;
export type ResultFormat = (typeof resultFormats)[number];

/** Listings of one file that are scored together. Lists and not rows, which are quicker to hand to another thread. */
export type Block = {
  file: string;
  lines: number[];
  /** Ids of the file's own, or null where it gives none. */
  ids: (string | null)[];
  texts: string[];
};

/** Result rows as they are written, in UTF-8, and how many got each verdict. */
export type ScoredBlock = { bytes: Uint8Array<ArrayBuffer>; verdicts: Record<Verdict, number> };

const columns = [
  'file',
  'line',
  'id',
  'probability',
  'verdict',
  ...elements,
  'modelVersion',
  'policyVersion',
] as const;

/** The line of names that results of a format begin with; empty for NDJSON. */
export function headerOf(format: ResultFormat): string {
  return format === 'csv' ? `${columns.join(',')}\n` : '';
}

/** Makes the function that scores blocks and writes their results, probabilities with six decimals. */
export function createRowScorer(classifier: Classifier, format: ResultFormat): (block: Block) => ScoredBlock {
  const encoder = new TextEncoder();
  const { modelVersion, policy } = classifier;
  const write = format === 'csv' ? csvRows : ndjsonRows;
  return (block) => {
    const scores = classifier.scoreMany(block.texts);
    const drawn = scores.map((score) => verdictOf(score, policy));
    const verdicts = { flag: 0, watch: 0, clear: 0 };
    for (const verdict of drawn) verdicts[verdict] += 1;
    const versions = { modelVersion, policyVersion: policy.version };
    return { bytes: encoder.encode(write(block, scores, drawn, versions)), verdicts };
  };
}

type Versions = { modelVersion: string; policyVersion: string };

/** Put together by hand, since JSON.stringify looks for what is to be escaped in every name anew. */
function ndjsonRows(
  { file, lines, ids }: Block,
  scores: readonly Score[],
  verdicts: readonly Verdict[],
  versions: Versions,
): string {
  const begin = `{"file":${JSON.stringify(file)},"line":`;
  const end = `,${JSON.stringify(versions).slice(1)}\n`;
  let rows = '';
  scores.forEach(({ probability, elements: { clothing, used, imported, offered, bulk } }, index) => {
    const line = lines[index] ?? 0;
    rows += `${begin}${line},"id":${JSON.stringify(ids[index] ?? line)},"probability":${sixDecimals(probability)},"verdict":"${verdicts[index]}","clothing":${sixDecimals(clothing)},"used":${sixDecimals(used)},"imported":${sixDecimals(imported)},"offered":${sixDecimals(offered)},"bulk":${sixDecimals(bulk)}${end}`;
  });
  return rows;
}

/** A cell that a spreadsheet would run as a formula gets a leading quote (OWASP, CSV Injection). */
function csvRows(
  { file, lines, ids }: Block,
  scores: readonly Score[],
  verdicts: readonly Verdict[],
  { modelVersion, policyVersion }: Versions,
): string {
  const rows = scores.map((score, index) => [
    file,
    lines[index],
    ids[index] ?? lines[index],
    sixDecimals(score.probability),
    verdicts[index],
    ...elements.map((element) => sixDecimals(score.elements[element])),
    modelVersion,
    policyVersion,
  ]);
  return stringify(rows, { escape_formulas: true });
}

/** `000` to `999`, and the same after `0.`, with `1.000` at the end. */
const threeDigits = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'));
const threeDecimals = [...threeDigits.map((digits) => `0.${digits}`), '1.000'];

/** A probability as `0.123456`: from tables, as to write a number in full took longer than to work it out. */
function sixDecimals(probability: number): string {
  const millionths = Math.round(probability * 1e6);
  return `${threeDecimals[Math.floor(millionths / 1000)]}${threeDigits[millionths % 1000]}`;
}
