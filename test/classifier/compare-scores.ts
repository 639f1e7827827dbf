import { expect } from 'vitest';
import { type BackendName, useBackend } from '../../src/classifier/backend.ts';
import { createClassifier } from '../../src/classifier/classifier.ts';
import type { Model } from '../../src/classifier/model-files.ts';
import { elements } from '../../src/domain/element.ts';
import type { Score, Span } from '../../src/domain/score.ts';

/** Scores of many texts, as rows of numbers that can be laid beside another backend's. */
export type Scores = {
  /** Of the whole and of each element, text by text. */
  probabilities: number[];
  /** Where every span stands and of what it speaks, text by text. */
  places: Pick<Span, 'start' | 'end' | 'element'>[][];
  weights: number[];
};

/** Scores texts with spans on a backend, which stays the one in use. */
export async function scoresOn(
  backend: BackendName,
  model: Model,
  texts: readonly string[],
): Promise<Scores> {
  const classifier = createClassifier(model, await useBackend(backend));
  const scores = classifier.scoreMany(texts, { spans: true });
  classifier.close();
  return {
    probabilities: scores.flatMap(probabilitiesOf),
    places: scores.map(({ spans }) => spans.map(({ start, end, element }) => ({ start, end, element }))),
    weights: scores.flatMap(({ spans }) => spans.map(({ weight }) => weight)),
  };
}

function probabilitiesOf({ probability, elements: each }: Score): number[] {
  return [probability, ...elements.map((element) => each[element])];
}

/** Expects probabilities equal to 1e-5, the same spans, and their weights equal to the last place that is shown. */
export function expectSameScores(one: Scores, other: Scores): void {
  expect(greatestDistance(one.probabilities, other.probabilities)).toBeLessThan(1e-5);
  expect(one.places).toEqual(other.places);
  expect(greatestDistance(one.weights, other.weights)).toBeLessThan(1.5e-3);
}

/** How far apart two rows of numbers are where they are farthest apart. */
export function greatestDistance(one: readonly number[], other: readonly number[]): number {
  expect(one).toHaveLength(other.length);
  return Math.max(...one.map((value, index) => Math.abs(value - (other[index] ?? Number.NaN))));
}
