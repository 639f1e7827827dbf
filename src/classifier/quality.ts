import { type Policy, verdictOf } from '../domain/policy.ts';
import type { Score } from '../domain/score.ts';
import { type Estimate, wilson } from './intervals.ts';
import { createRandom } from './random.ts';

/** A score beside the truth. */
export type Judged = { score: Pick<Score, 'probability' | 'elements'>; offer: boolean };

/** How good scores are on some listings. */
export type Quality = {
  n: number;
  offers: number;
  averagePrecision: Estimate;
  /** Of flags, the share that were offers. */
  precision: Estimate;
  /** Of offers, the share that were flagged. */
  recall: Estimate;
  /** Of offers, the share found by the threshold at which 95 % of what is above it are offers. */
  recallAtPrecision95: Estimate;
  /** Flags per 10,000 listings that offer nothing of the kind. */
  falseFlagsPer10k: Estimate;
  /** Expected calibration error of the overall probability. */
  calibrationError: Estimate;
};

type Thresholds = Pick<Policy, 'flagAt' | 'watchAt' | 'elementFloors'>;

const resamples = 200;
const calibrationBins = 10;

/** Measures scores against the truth, with 95 % intervals: Wilson's for shares, bootstrap percentiles for the rest. */
export function measureQuality(judged: readonly Judged[], policy: Thresholds): Quality {
  const flagged = judged.filter(({ score }) => verdictOf(score, policy) === 'flag');
  const hits = flagged.filter(({ offer }) => offer).length;
  const offers = judged.filter(({ offer }) => offer).length;
  const falseFlags = wilson(flagged.length - hits, judged.length - offers);
  return {
    n: judged.length,
    offers,
    averagePrecision: bootstrap(judged, averagePrecision),
    precision: wilson(hits, flagged.length),
    recall: wilson(hits, offers),
    recallAtPrecision95: bootstrap(judged, recallAtPrecision95),
    falseFlagsPer10k: {
      value: falseFlags.value * 1e4,
      low: falseFlags.low * 1e4,
      high: falseFlags.high * 1e4,
      n: falseFlags.n,
    },
    calibrationError: bootstrap(judged, calibrationError),
  };
}

/**
 * Area under the precision–recall curve as the mean of the precisions at each offer, best scores first. Listings
 * with the same score count as one step, so that no order among them flatters.
 */
function averagePrecision(judged: readonly Judged[]): number {
  let found = 0;
  let sum = 0;
  for (const { seen, hits, tied } of steps(judged)) {
    found = hits;
    sum += tied * (hits / seen);
  }
  return found === 0 ? Number.NaN : sum / found;
}

/** The greatest recall of any threshold whose precision is at least 0.95; no offers at all have none. */
function recallAtPrecision95(judged: readonly Judged[]): number {
  const offers = judged.filter(({ offer }) => offer).length;
  let best = 0;
  for (const { seen, hits } of steps(judged)) if (hits / seen >= 0.95) best = hits / offers;
  return offers === 0 ? Number.NaN : best;
}

/** How many listings, and how many offers among them, have at least each probability, from the highest down. */
function* steps(judged: readonly Judged[]): Generator<{ seen: number; hits: number; tied: number }> {
  const ordered = [...judged].sort((a, b) => b.score.probability - a.score.probability);
  let hits = 0;
  for (let at = 0; at < ordered.length; ) {
    const { probability } = ordered[at]?.score ?? { probability: 0 };
    let tied = 0;
    while (at < ordered.length && ordered[at]?.score.probability === probability) {
      if (ordered[at]?.offer === true) tied += 1;
      at += 1;
    }
    hits += tied;
    yield { seen: at, hits, tied };
  }
}

/** Mean distance between probability and truth over ten equal bins, weighted by their size (Naeini et al. 2015). */
function calibrationError(judged: readonly Judged[]): number {
  const bins = Array.from({ length: calibrationBins }, () => ({ n: 0, probability: 0, offers: 0 }));
  for (const { score, offer } of judged) {
    const bin = bins[Math.min(calibrationBins - 1, Math.floor(score.probability * calibrationBins))];
    if (bin === undefined) continue;
    bin.n += 1;
    bin.probability += score.probability;
    bin.offers += offer ? 1 : 0;
  }
  return (
    bins.reduce((sum, bin) => sum + Math.abs(bin.probability - bin.offers), 0) / Math.max(judged.length, 1)
  );
}

function bootstrap(judged: readonly Judged[], measure: (judged: readonly Judged[]) => number): Estimate {
  const random = createRandom(judged.length);
  const values: number[] = [];
  for (let turn = 0; turn < resamples; turn += 1) {
    const sample = judged.flatMap(() => judged[Math.floor(random() * judged.length)] ?? []);
    const value = measure(sample);
    if (!Number.isNaN(value)) values.push(value);
  }
  values.sort((a, b) => a - b);
  const at = (share: number) =>
    values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN;
  return { value: measure(judged), low: at(0.025), high: at(0.975), n: judged.length };
}
