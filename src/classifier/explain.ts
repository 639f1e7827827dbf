import { elements } from '../domain/element.ts';
import type { Span } from '../domain/score.ts';
import type { Features } from './features.ts';
import type { Pool } from './pool.ts';
import { heads } from './weights.ts';

/** Spans shown for one element. */
const spansShown = 5;
/** A word that moves an element's log-odds by less says nothing worth showing, */
const leastWeight = 0.25;
/** nor does one that says less than this share of what the strongest word says. */
const leastShare = 0.3;

/**
 * What each word of a text adds to each head's calibrated log-odds: exact contributions. Pooling is a sum over words
 * and the network is linear between the kinks of its hidden units, so at a given text a head's log-odds are a
 * constant plus one term per word, the slope of the log-odds by the pooled text times what the word puts into it; the
 * terms and the constant add up to the log-odds. (Gradient times input, which is exact for piecewise linear networks:
 * Ancona et al. 2018, "Towards better understanding of gradient-based attribution methods".)
 *
 * @param slopes of each head's calibrated log-odds by each pooled number, at this text. [heads, dimensions]
 * @returns [words, heads]
 */
export function wordWeights(features: Features, pool: Pool, slopes: Float32Array): Float64Array {
  const words = features.length;
  const dimensions = slopes.length / heads.length;
  const weights = new Float64Array(words * heads.length);
  for (let word = 0; word < words; word += 1) {
    const part = pool.part(features, word);
    for (let head = 0; head < heads.length; head += 1) {
      let weight = 0;
      for (let d = 0; d < dimensions; d += 1) weight += (slopes[head * dimensions + d] ?? 0) * (part[d] ?? 0);
      weights[word * heads.length + head] = weight;
    }
  }
  return weights;
}

/** The spans of a text: words side by side that speak the same way are one, with their weights added. */
export function readSpans(features: Features, weights: Float64Array): Span[] {
  return elements.flatMap((element) => strongest(spansOf(element, features, weights)));
}

/** The strongest few, in the order of the text. */
function strongest(spans: Span[]): Span[] {
  if (spans.length <= spansShown) return spans;
  return spans
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, spansShown)
    .sort((a, b) => a.start - b.start);
}

function spansOf(element: Span['element'], features: Features, weights: Float64Array): Span[] {
  const head = heads.indexOf(element);
  const spans: Span[] = [];
  let open: Span | null = null;
  let strongestWord = 0;
  for (let at = head; at < weights.length; at += heads.length)
    strongestWord = Math.max(strongestWord, Math.abs(weights[at] ?? 0));
  const least = Math.max(leastWeight, leastShare * strongestWord);
  for (let word = 0; word < features.length; word += 1) {
    const weight = weights[word * heads.length + head] ?? 0;
    const start = features.starts[word] ?? 0;
    const end = features.ends[word] ?? 0;
    if (Math.abs(weight) < least) {
      open = null;
    } else if (open !== null && open.weight > 0 === weight > 0 && start - open.end <= 1) {
      open.end = end;
      open.weight += weight;
    } else {
      open = { start, end, element, weight };
      spans.push(open);
    }
  }
  for (const span of spans) span.weight = Math.round(span.weight * 1000) / 1000;
  return spans;
}
