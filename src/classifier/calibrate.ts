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
  let slope = 1;
  let intercept = 0;
  for (let step = 0; step < newtonSteps; step += 1) {
    let gradientSlope = ridge * (slope - 1);
    let gradientIntercept = 0;
    let curveSlope = ridge;
    let curveBoth = 0;
    let curveIntercept = 1e-6;
    logOdds.forEach((value, index) => {
      const probability = sigmoid(slope * value + intercept);
      const miss = probability - (truths[index] === true ? high : low);
      const spread = probability * (1 - probability);
      gradientSlope += miss * value;
      gradientIntercept += miss;
      curveSlope += spread * value * value;
      curveBoth += spread * value;
      curveIntercept += spread;
    });
    const determinant = curveSlope * curveIntercept - curveBoth * curveBoth;
    if (determinant <= 1e-12) break;
    slope -= (curveIntercept * gradientSlope - curveBoth * gradientIntercept) / determinant;
    intercept -= (curveSlope * gradientIntercept - curveBoth * gradientSlope) / determinant;
    slope = Math.max(slope, leastSlope);
  }
  return { slope, intercept };
}
