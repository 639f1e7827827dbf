import { choosePolicy, leastPrecision, measureThresholds } from '../../src/classifier/choose-policy.ts';
import type { Judged } from '../../src/classifier/quality.ts';
import { mostFalseFlagsPer10k } from '../../src/classifier/thresholds.ts';
import type { Example, Peer } from './peer.ts';

/** A peer with the threshold it is judged at, in numbers and in words. */
export type Contestant = Peer & { flagAt: number; threshold: string };

/** Peers give one probability and no elements, so elements are taken as certain, for saring too. */
const certain = { clothing: 1, used: 1, imported: 1, offered: 1, bulk: 1 };

/** The peer's scores beside the truth. */
export function judge({ name, score }: Peer, rows: readonly Example[]): Judged[] {
  const probabilities = score(rows.map(({ text }) => text));
  if (probabilities.length !== rows.length || !probabilities.every(Number.isFinite))
    throw new Error(
      `${name} gave ${rows.length} texts ${probabilities.length} scores, or some are no numbers`,
    );
  return rows.map(({ label }, index) => ({
    score: { probability: probabilities[index] ?? Number.NaN, elements: certain },
    offer: label === 'offer',
  }));
}

/** Gives a peer without a threshold of its own the one that choosePolicy takes; * where that keeps no promise. */
export function chooseThreshold(
  peer: Peer,
  validation: readonly Example[],
  real: readonly Example[],
): Contestant {
  const { promise, ...chosen } = choosePolicy(
    measureThresholds(judge(peer, validation), real.length > 0 ? judge(peer, real) : []),
    peer.name,
  );
  const keepsPromise =
    promise.precisionLowerBound >= leastPrecision &&
    (promise.falseFlags?.per10k ?? 0) <= mostFalseFlagsPer10k;
  const kept = peer.flagAt !== undefined || keepsPromise;
  const flagAt = peer.flagAt ?? chosen.flagAt;
  const words = peer.describeThreshold?.(flagAt) ?? flagAt.toFixed(2);
  return { ...peer, flagAt, threshold: kept ? words : `${words} *` };
}
