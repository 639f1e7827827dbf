import { fitCalibration, sigmoid } from '../../src/classifier/calibrate.ts';
import type { LabelledRow } from '../../src/classifier/corpus.ts';

/** A text whose truth is known. */
export type Example = Pick<LabelledRow, 'text' | 'label'>;

/** A whole process that scores a file, to be timed: on the processors it asks for, one unless it says more. */
export type Racer = { command: string[]; output: string; printsProbabilities: boolean; processors?: number };

/** Something that gives texts the probability of being an offer. */
export type Peer = {
  name: string;
  score(texts: readonly string[]): number[];
  /** A threshold that belongs to the peer; without it one is chosen on the validation authors. */
  flagAt?: number;
  /** A threshold in the peer's own words; without it two digits. */
  describeThreshold?(flagAt: number): string;
  /**
   * Writes the texts as the peer wants them, and names what is to be timed; without it the peer has no process to time.
   */
  prepareRace?(texts: readonly string[]): Record<string, Racer>;
};

/** A peer with its probabilities calibrated on the validation authors, as saring's are. */
export function calibrate(peer: Peer, rows: readonly Example[]): Peer {
  // It changes no order; without it a peer whose probabilities crowd near 1 would suffer from thresholds being tried
  // in hundredths.
  const logOdds = (texts: readonly string[]) => peer.score(texts).map(toLogOdds);
  const { slope, intercept } = fitCalibration(
    logOdds(rows.map(({ text }) => text)),
    rows.map(({ label }) => label === 'offer'),
  );
  return { ...peer, score: (texts) => logOdds(texts).map((odds) => sigmoid(slope * odds + intercept)) };
}

function toLogOdds(probability: number): number {
  const inside = Math.min(Math.max(probability, Number.EPSILON), 1 - Number.EPSILON);
  return Math.log(inside / (1 - inside));
}
