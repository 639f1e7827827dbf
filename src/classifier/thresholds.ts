import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { Estimate } from './intervals.ts';
import { modelFiles } from './model-files.ts';

/** No policy flags more of 10,000 real texts that offer nothing of the kind: a false flag hurts an honest seller. */
export const mostFalseFlagsPer10k = 20;

const ThresholdStep = z.object({
  threshold: z.number(),
  /** Listings that would have been flagged. */
  flagged: z.int(),
  precision: Estimate,
  recall: Estimate,
  /** Real negatives that would have been flagged; absent where the model was made without any. */
  realFlagged: z.int().optional(),
});
export type ThresholdStep = z.infer<typeof ThresholdStep>;

/** The file thresholds.json: what each threshold would have meant on the validation listings and on real negatives. */
const Thresholds = z.object({
  n: z.int(),
  offers: z.int(),
  method: z.string(),
  /** Real negatives that the steps' `realFlagged` counts among. */
  realN: z.int().optional(),
  /** Sorted, the lowest threshold first. */
  steps: z.array(ThresholdStep).min(1),
});
export type Thresholds = z.infer<typeof Thresholds>;

/**
 * Reads what a model's thresholds mean.
 *
 * @throws AppError MODEL_UNKNOWN when there is no such model or it tells nothing of thresholds
 */
export async function readThresholds(modelsDir: string, version: string): Promise<Thresholds> {
  try {
    return Thresholds.parse(
      JSON.parse(await readFile(join(modelsDir, version, modelFiles.thresholds), 'utf8')),
    );
  } catch (cause) {
    throw new AppError(
      'MODEL_UNKNOWN',
      404,
      `there is no model ${version} here that tells of its thresholds`,
      {
        cause,
      },
    );
  }
}

/**
 * How many of 10,000 more texts like the real negatives a threshold flags on average at most, given that it was set
 * just above all but `flagged` of `n`: (flagged + 1) / (n + 1), whatever their distribution (conformal risk control,
 * Angelopoulos and others 2022). The share itself would be too kind, since the threshold was chosen by it.
 */
export function boundFalseFlagsPer10k(flagged: number, n: number): number {
  return ((flagged + 1) / (n + 1)) * 1e4;
}

/**
 * The steps that spare real texts: all where there are none to tell, and where they are too few to vouch for any, those
 * that flag the fewest of them.
 */
export function sparingSteps({ steps, realN }: Thresholds): ThresholdStep[] {
  const flaggedBy = ({ realFlagged }: ThresholdStep) => realFlagged ?? 0;
  const sparing = steps.filter(
    (step) => realN === undefined || boundFalseFlagsPer10k(flaggedBy(step), realN) <= mostFalseFlagsPer10k,
  );
  if (sparing.length > 0) return sparing;
  const fewest = Math.min(...steps.map(flaggedBy));
  return steps.filter((step) => flaggedBy(step) === fewest);
}

/**
 * The lowest threshold whose flags are offers with at least the precision asked for, as far as its lower 95 % bound
 * says, and which spares real texts.
 *
 * @throws AppError PRECISION_UNREACHABLE naming the best there is
 */
export function thresholdFor(thresholds: Thresholds, precision: number): ThresholdStep {
  const sparing = sparingSteps(thresholds);
  const found = sparing.find((step) => step.precision.low >= precision);
  if (found !== undefined) return found;
  const best = surest(sparing);
  const message = `the surest threshold is ${best.threshold}, with a lower bound of ${best.precision.low.toFixed(3)}; ask for no more`;
  throw new AppError('PRECISION_UNREACHABLE', 422, message, { issues: [{ field: 'precision', message }] });
}

/** The step with the greatest lower bound of precision. */
export function surest(steps: readonly ThresholdStep[]): ThresholdStep {
  return steps.reduce((one, other) => (other.precision.low > one.precision.low ? other : one));
}
