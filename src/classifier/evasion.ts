import { verdictOf } from '../domain/policy.ts';
import type { Classifier } from './classifier.ts';
import type { LabelledRow } from './corpus.ts';
import { type Estimate, wilson } from './intervals.ts';
import { type Mutation, mutations } from './mutate.ts';
import { createRandom } from './random.ts';

/** Recall of offers as they were written, and after each mutation of all of them, the worst first. */
export type Evasion = {
  plain: Estimate;
  mutated: Record<string, Estimate>;
  /** Mean loss of recall over the mutations, in points of a hundred. */
  meanLossPoints: number;
};

/** Fixed, and unlike any seed that training draws its mutations from. */
const seed = 0xe7a5;

/** Measures how much of the recall each way of hiding costs. */
export function measureEvasion(
  classifier: Pick<Classifier, 'scoreMany' | 'policy'>,
  rows: readonly Pick<LabelledRow, 'text' | 'label'>[],
): Evasion {
  const offers = rows.filter(({ label }) => label === 'offer').map(({ text }) => text);
  const recallOf = (texts: readonly string[]): Estimate => {
    const scores = classifier.scoreMany(texts);
    const flagged = scores.filter((score) => verdictOf(score, classifier.policy) === 'flag').length;
    return wilson(flagged, texts.length);
  };
  const plain = recallOf(offers);
  const mutated = Object.entries<Mutation>(mutations)
    .map(([name, mutation]) => {
      const random = createRandom(seed);
      return [name, recallOf(offers.map((text) => mutation(text, random)))] as const;
    })
    .sort(([, a], [, b]) => a.value - b.value);
  const loss = mutated.reduce((sum, [, recall]) => sum + plain.value - recall.value, 0) / mutated.length;
  return { plain, mutated: Object.fromEntries(mutated), meanLossPoints: 100 * loss };
}

/** The measurement as a Markdown table. */
export function formatEvasion({ plain, mutated, meanLossPoints }: Evasion): string {
  const line = (name: string, { value, low, high }: Estimate) =>
    `| ${name} | ${value.toFixed(3)} [${low.toFixed(2)}, ${high.toFixed(2)}] | ${(100 * (plain.value - value)).toFixed(1)} |`;
  return [
    '| written | recall | lost, points |',
    '| --- | --- | --- |',
    line('as it was', plain),
    ...Object.entries(mutated).map(([name, recall]) => line(name, recall)),
    `| mean of all | | ${meanLossPoints.toFixed(1)} |`,
  ].join('\n');
}
