import type { Element } from '../domain/element.ts';
import { type Policy, verdictOf } from '../domain/policy.ts';
import type { Classifier } from './classifier.ts';
import type { LabelledRow } from './corpus.ts';
import type { Estimate } from './intervals.ts';
import { type Judged, measureQuality, type Quality } from './quality.ts';

/** Quality over all rows and per slice, the worst slice first. */
export type Evaluation = {
  modelVersion: string;
  policyVersion: string;
  overall: Quality;
  slices: Record<string, Quality>;
};

const textsAtOnce = 256;

/** A listing with its score, the truth, and whether the policy flagged it. */
export type JudgedText = Judged & { id: string; slice: string; text: string; flagged: boolean };

type Judge = Pick<Classifier, 'scoreMany' | 'policy' | 'modelVersion'>;

/** Scores labelled texts and measures how good the scores are. */
export function evaluate(classifier: Judge, rows: readonly LabelledRow[]): Evaluation {
  return summarise(classifier, judge(classifier, rows));
}

/** Scores labelled texts. */
export function judge(
  classifier: Judge,
  rows: readonly LabelledRow[],
  onProgress: (done: number) => void = () => undefined,
): JudgedText[] {
  const judged: JudgedText[] = [];
  for (let from = 0; from < rows.length; from += textsAtOnce) {
    const block = rows.slice(from, from + textsAtOnce);
    const scores = classifier.scoreMany(block.map(({ text }) => text));
    block.forEach(({ id, slice, text, label }, index) => {
      const score = scores[index];
      if (score === undefined) return;
      const flagged = verdictOf(score, classifier.policy) === 'flag';
      judged.push({ id, slice, text, score, offer: label === 'offer', flagged });
    });
    onProgress(judged.length);
  }
  return judged;
}

/** Measures how good the scores of texts are, over all and per slice. */
export function summarise(
  { modelVersion, policy }: Pick<Judge, 'modelVersion' | 'policy'>,
  judged: readonly JudgedText[],
): Evaluation {
  return {
    modelVersion,
    policyVersion: policy.version,
    overall: measureQuality(judged, policy),
    slices: measureSlices(judged, policy),
  };
}

/** Expected calibration error of each element's probability, over the texts whose elements are known. */
export function measureElements(classifier: Judge, rows: readonly LabelledRow[]): Record<Element, Estimate> {
  const scores = classifier.scoreMany(rows.map(({ text }) => text));
  const errorOf = (element: Element): Estimate => {
    const judged = rows.flatMap(({ elements: truths }, index) => {
      const truth = truths?.[element];
      const score = scores[index];
      if (truth === undefined || score === undefined) return [];
      return [{ offer: truth, score: { ...score, probability: score.elements[element] } }];
    });
    return measureQuality(judged, classifier.policy).calibrationError;
  };
  return {
    clothing: errorOf('clothing'),
    used: errorOf('used'),
    imported: errorOf('imported'),
    offered: errorOf('offered'),
    bulk: errorOf('bulk'),
  };
}

function measureSlices(
  judged: readonly (Judged & { slice: string })[],
  policy: Policy,
): Record<string, Quality> {
  const bySlice = Map.groupBy(judged, ({ slice }) => slice);
  return Object.fromEntries(
    [...bySlice]
      .map(([slice, part]) => [slice, measureQuality(part, policy)] as const)
      .sort(([, a], [, b]) => goodness(a) - goodness(b)),
  );
}

/** A slice is as good as its worse half: offers found, and others left alone. */
function goodness(quality: Quality): number {
  const recall = quality.offers > 0 ? quality.recall.value : 1;
  const spared = quality.n > quality.offers ? 1 - quality.falseFlagsPer10k.value / 1e4 : 1;
  return Math.min(recall, spared);
}

/** What is shown of a slice, in order. */
export const columns: readonly (readonly [name: string, cell: (quality: Quality) => string])[] = [
  ['n', ({ n }) => String(n)],
  ['offers', ({ offers }) => String(offers)],
  ['average precision', ({ averagePrecision }) => share(averagePrecision)],
  ['precision', ({ precision }) => share(precision)],
  ['recall', ({ recall }) => share(recall)],
  ['recall at precision 0.95', ({ recallAtPrecision95 }) => share(recallAtPrecision95)],
  [
    'false flags per 10,000',
    (quality) => (quality.n > quality.offers ? rate(quality.falseFlagsPer10k) : '–'),
  ],
  ['calibration error', ({ calibrationError }) => share(calibrationError)],
];

/** An evaluation as a Markdown table, bad slices first. */
export function formatEvaluation({ overall, slices }: Evaluation): string {
  const rows: [string, Quality][] = [...Object.entries(slices), ['all', overall]];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['slice', ...columns.map(([name]) => name)]),
    line(['---', ...columns.map(() => '---')]),
    ...rows.map(([name, quality]) => line([name, ...columns.map(([, cell]) => cell(quality))])),
  ].join('\n');
}

/** A share with its interval, for a reader. */
export function share({ value, low, high }: Estimate): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(3)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

function rate({ value, low, high }: Estimate): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(0)} [${low.toFixed(0)}, ${high.toFixed(0)}]`;
}
