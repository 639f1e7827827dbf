import { elements } from '../domain/element.ts';
import type { Span } from '../domain/score.ts';
import type { Calibration } from './calibrate.ts';
import type { Features } from './features.ts';
import { type Pool, type Pooled, writePooled } from './pool.ts';
import { heads } from './weights.ts';

/** Words of one text that are looked at; a caption has 30 to 60, and the bound keeps a hostile text cheap. */
const wordsExplained = 300;
/** Spans shown for one element. */
const spansShown = 6;
/** A word that moves an element's log-odds by less says nothing worth showing. */
const leastWeight = 0.15;

/** One text on its way through the network: itself first, then itself without each of its words. */
export type Occlusions = { features: Features; whole: Pooled; words: number[] };

/**
 * Plans the occlusions of a text. Of a text with more than 300 words, those are looked at whose removal moves the
 * pooled vector most.
 */
export function planOcclusions(features: Features, pool: Pool): Occlusions {
  const whole = pool.whole(features);
  let words = Array.from(features.starts.keys());
  if (words.length > wordsExplained) {
    const moved = words.map((index) => {
      const without = pool.without(whole, features, index);
      return without.sum.reduce((sum, value, d) => sum + (value - (whole.sum[d] ?? 0)) ** 2, 0);
    });
    words = words
      .sort((a, b) => (moved[b] ?? 0) - (moved[a] ?? 0))
      .slice(0, wordsExplained)
      .sort((a, b) => a - b);
  }
  return { features, whole, words };
}

/** Rows a text takes in the network's input. */
export function rowsOf(plan: Occlusions): number {
  return 1 + plan.words.length;
}

/** Writes a text's rows into the network's input from row `row` on. */
export function writeRows(plan: Occlusions, pool: Pool, input: Float32Array, row: number): void {
  const dimensions = plan.whole.sum.length;
  writePooled(plan.whole, input, row * dimensions);
  plan.words.forEach((word, index) => {
    writePooled(pool.without(plan.whole, plan.features, word), input, (row + 1 + index) * dimensions);
  });
}

/**
 * Spans by occlusion: a word's weight for an element is how much the element's calibrated log-odds fall when the
 * word is taken away. Neighbouring words that speak the same way become one span, with their weights added.
 *
 * @param output the network's log-odds for the rows that writeRows wrote, [rows, heads]
 * @param row the text's first row in `output`
 */
export function readSpans(
  plan: Occlusions,
  output: Float32Array,
  row: number,
  calibrations: readonly Calibration[],
): Span[] {
  return elements.flatMap((element) => {
    const head = heads.indexOf(element);
    const slope = calibrations[head]?.slope ?? 1;
    const whole = output[row * heads.length + head] ?? 0;
    const spans: (Span & { lastWord: number })[] = [];
    plan.words.forEach((word, index) => {
      const without = output[(row + 1 + index) * heads.length + head] ?? 0;
      const weight = slope * (whole - without);
      if (Math.abs(weight) < leastWeight) return;
      const end = plan.features.ends[word] ?? 0;
      const before = spans.at(-1);
      if (
        before !== undefined &&
        before.lastWord === word - 1 &&
        Math.sign(before.weight) === Math.sign(weight)
      ) {
        before.end = end;
        before.weight += weight;
        before.lastWord = word;
      } else {
        spans.push({ start: plan.features.starts[word] ?? 0, end, element, weight, lastWord: word });
      }
    });
    return spans
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, spansShown)
      .sort((a, b) => a.start - b.start)
      .map(({ start, end, weight }) => ({ start, end, element, weight: Math.round(weight * 1000) / 1000 }));
  });
}
