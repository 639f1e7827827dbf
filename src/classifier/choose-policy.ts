import type { ElementProbabilities } from '../domain/element.ts';
import { type Policy, verdictOf } from '../domain/policy.ts';
import { wilson } from './intervals.ts';
import type { Judged } from './quality.ts';
import {
  boundFalseFlagsPer10k,
  sparingSteps,
  surest,
  type ThresholdStep,
  type Thresholds,
} from './thresholds.ts';

/**
 * What the policy promises: the lower 95 % bound of the precision of flags. Somewhat above the 0.90 asked for, since a
 * night's scrape holds fewer offers than the validation listings, and with fewer offers the same flags are less precise.
 */
export const leastPrecision = 0.92;
/** Under the flag threshold, listings from this share of it on are watched. */
const watchShare = 0.4;
/** A flag needs each required element to be at least possible; set beforehand, not tuned. */
const elementFloors: ElementProbabilities = {
  clothing: 0.25,
  used: 0.25,
  imported: 0.25,
  offered: 0.25,
  bulk: 0,
};

const method =
  'lower bound of the Wilson 95 % score interval (Wilson 1927) of the precision on the validation authors; the threshold was chosen among 99 on the same listings, so the bound is somewhat too kind';

const falseFlagsMethod =
  '(flagged + 1) / (n + 1), the mean over texts like these that no distribution of theirs exceeds (conformal risk control, Angelopoulos and others 2022); real texts that were not learned from';

/**
 * What every threshold from 0.01 to 0.99 would have meant on these listings, and on real texts of which none is an
 * offer, where there are any.
 */
export function measureThresholds(judged: readonly Judged[], real: readonly Judged[]): Thresholds {
  const offers = judged.filter(({ offer }) => offer).length;
  const steps = Array.from({ length: 99 }, (_, index): ThresholdStep => {
    const threshold = (index + 1) / 100;
    const isFlagged = ({ score }: Judged) =>
      verdictOf(score, { flagAt: threshold, watchAt: 0, elementFloors }) === 'flag';
    const flagged = judged.filter(isFlagged);
    const hits = flagged.filter(({ offer }) => offer).length;
    return {
      threshold,
      flagged: flagged.length,
      precision: wilson(hits, flagged.length),
      recall: wilson(hits, offers),
      ...(real.length > 0 ? { realFlagged: real.filter(isFlagged).length } : {}),
    };
  });
  return { n: judged.length, offers, method, ...(real.length > 0 ? { realN: real.length } : {}), steps };
}

/**
 * Chooses the lowest flag threshold that keeps the promise of precision and spares real texts, which gives the best
 * recall. Where none does, the one with the greatest bound of precision among the sparing is taken and the policy says
 * what it really promises.
 */
export function choosePolicy(thresholds: Thresholds, version: string): Policy {
  const sparing = sparingSteps(thresholds);
  const chosen = sparing.find(({ precision }) => precision.low >= leastPrecision) ?? surest(sparing);
  return {
    version,
    flagAt: chosen.threshold,
    watchAt: Math.round(chosen.threshold * watchShare * 100) / 100,
    elementFloors,
    promise: {
      precisionLowerBound: chosen.precision.low,
      recall: chosen.recall.value,
      n: thresholds.n,
      flagged: chosen.flagged,
      method,
      ...promiseOfFalseFlags(chosen.realFlagged, thresholds.realN),
    },
  };
}

function promiseOfFalseFlags(
  flagged: number | undefined,
  n: number | undefined,
): Pick<Policy['promise'], 'falseFlags'> {
  if (flagged === undefined || n === undefined) return {};
  const per10k = boundFalseFlagsPer10k(flagged, n);
  return { falseFlags: { per10k, n, flagged, method: falseFlagsMethod } };
}
