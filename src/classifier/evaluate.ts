import type { Policy } from '../domain/policy.ts';
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

/** Scores labelled texts and measures how good the scores are. */
export function evaluate(
  classifier: Pick<Classifier, 'scoreMany' | 'policy' | 'modelVersion'>,
  rows: readonly Pick<LabelledRow, 'text' | 'slice' | 'label'>[],
  onProgress: (done: number) => void = () => undefined,
): Evaluation {
  const judged: (Judged & { slice: string })[] = [];
  for (let from = 0; from < rows.length; from += textsAtOnce) {
    const block = rows.slice(from, from + textsAtOnce);
    const scores = classifier.scoreMany(block.map(({ text }) => text));
    block.forEach(({ slice, label }, index) => {
      const score = scores[index];
      if (score !== undefined) judged.push({ score, offer: label === 'offer', slice });
    });
    onProgress(judged.length);
  }
  return {
    modelVersion: classifier.modelVersion,
    policyVersion: classifier.policy.version,
    overall: measureQuality(judged, classifier.policy),
    slices: measureSlices(judged, classifier.policy),
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

/** An evaluation as a Markdown table, bad slices first. */
export function formatEvaluation({ overall, slices }: Evaluation): string {
  const rows: [string, Quality][] = [...Object.entries(slices), ['all', overall]];
  const lines = rows.map(([name, quality]) =>
    [
      name,
      String(quality.n),
      String(quality.offers),
      share(quality.averagePrecision),
      share(quality.precision),
      share(quality.recall),
      quality.n > quality.offers ? rate(quality.falseFlagsPer10k) : '–',
      share(quality.calibrationError),
    ].join(' | '),
  );
  return [
    '| slice | n | offers | average precision | precision | recall | false flags per 10,000 | calibration error |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

function share({ value, low, high }: Estimate): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(3)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

function rate({ value, low, high }: Estimate): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(0)} [${low.toFixed(0)}, ${high.toFixed(0)}]`;
}
