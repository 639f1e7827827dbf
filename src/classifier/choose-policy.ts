import type { ElementProbabilities } from '../domain/element.ts';
import { type Policy, verdictOf } from '../domain/policy.ts';
import { wilson } from './intervals.ts';
import type { Judged } from './quality.ts';

/** What the policy promises: the lower 95 % bound of the precision of flags. */
const leastPrecision = 0.9;
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
  'lowest threshold, in steps of 0.01, from which on the lower bound of Wilson’s 95 % score interval of the precision on the validation split is at least 0.90 (Wilson 1927); one threshold chosen among 99 on the same listings, so the bound is somewhat too kind';

/**
 * Chooses the lowest flag threshold that keeps the promise on validation listings, which gives the best recall.
 * Where none keeps it, the one with the greatest bound is taken and the policy says what it really promises.
 */
export function choosePolicy(judged: readonly Judged[], version: string): Policy {
  const offers = judged.filter(({ offer }) => offer).length;
  const options = Array.from({ length: 99 }, (_, index) => {
    const flagAt = (index + 1) / 100;
    const flagged = judged.filter(
      ({ score }) => verdictOf(score, { flagAt, watchAt: 0, elementFloors }) === 'flag',
    );
    const hits = flagged.filter(({ offer }) => offer).length;
    return {
      flagAt,
      flagged: flagged.length,
      bound: wilson(hits, flagged.length).low,
      recall: hits / Math.max(offers, 1),
    };
  });
  const surest = options.reduce((best, option) => (option.bound > best.bound ? option : best));
  const chosen = options.find(({ bound }) => bound >= leastPrecision) ?? surest;
  return {
    version,
    flagAt: chosen.flagAt,
    watchAt: Math.round(chosen.flagAt * watchShare * 100) / 100,
    elementFloors,
    promise: {
      precisionLowerBound: chosen.bound,
      recall: chosen.recall,
      n: judged.length,
      flagged: chosen.flagged,
      method,
    },
  };
}
