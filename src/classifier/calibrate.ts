import { z } from 'zod';

/** Turns log-odds into calibrated ones: slope · log-odds + intercept. */
export const Calibration = z.object({ slope: z.number().positive(), intercept: z.number() });
export type Calibration = z.infer<typeof Calibration>;

/** The logistic function. */
export function sigmoid(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds));
}

const newtonSteps = 50;
/** Weight of the prior that keeps the slope near 1 and finite when classes are separated. */
const ridge = 0.5;
const leastSlope = 0.05;
const leastShare = 1e-6;

/**
 * Platt's scaling (Platt 1999, with the target smoothing of Lin, Lin and Weng 2007): fits slope and intercept on
 * held-out log-odds by Newton's method. The smoothed targets keep probabilities off 0 and 1, since a few hundred
 * listings cannot vouch for more.
 *
 * @param logOdds what the network gave, one per listing
 * @param truths whether each was true, same length
 */
export function fitCalibration(logOdds: readonly number[], truths: readonly boolean[]): Calibration {
  const positives = truths.filter(Boolean).length;
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (truths.length - positives + 2);
  const targets = truths.map((truth) => (truth ? high : low));
  let at: Calibration = { slope: 1, intercept: 0 };
  let loss = lossOf(at, logOdds, targets);
  for (let step = 0; step < newtonSteps; step += 1) {
    const move = newtonMove(at, logOdds, targets);
    // Halved until it helps: where the classes stand far apart, the curve is flat and a full step overshoots.
    let share = 1;
    let next = moved(at, move, share);
    while (lossOf(next, logOdds, targets) > loss && share > leastShare) {
      share /= 2;
      next = moved(at, move, share);
    }
    const nextLoss = lossOf(next, logOdds, targets);
    if (nextLoss >= loss) break;
    at = next;
    loss = nextLoss;
  }
  return at;
}

function moved(at: Calibration, move: Calibration, share: number): Calibration {
  return {
    slope: Math.max(at.slope - share * move.slope, leastSlope),
    intercept: at.intercept - share * move.intercept,
  };
}

function newtonMove(at: Calibration, logOdds: readonly number[], targets: readonly number[]): Calibration {
  let gradientSlope = ridge * (at.slope - 1);
  let gradientIntercept = 0;
  let curveSlope = ridge;
  let curveBoth = 0;
  let curveIntercept = 1e-6;
  logOdds.forEach((value, index) => {
    const probability = sigmoid(at.slope * value + at.intercept);
    const miss = probability - (targets[index] ?? 0);
    const spread = probability * (1 - probability);
    gradientSlope += miss * value;
    gradientIntercept += miss;
    curveSlope += spread * value * value;
    curveBoth += spread * value;
    curveIntercept += spread;
  });
  const determinant = curveSlope * curveIntercept - curveBoth * curveBoth;
  return {
    slope: (curveIntercept * gradientSlope - curveBoth * gradientIntercept) / determinant,
    intercept: (curveSlope * gradientIntercept - curveBoth * gradientSlope) / determinant,
  };
}

function lossOf(at: Calibration, logOdds: readonly number[], targets: readonly number[]): number {
  return logOdds.reduce(
    (sum, value, index) => {
      const odds = at.slope * value + at.intercept;
      // log(1 + e^odds) without overflow.
      const softplus = Math.max(odds, 0) + Math.log1p(Math.exp(-Math.abs(odds)));
      return sum + softplus - (targets[index] ?? 0) * odds;
    },
    (ridge / 2) * (at.slope - 1) ** 2,
  );
}
