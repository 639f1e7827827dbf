import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { Estimate } from './intervals.ts';
import { modelFiles } from './model-files.ts';

const ThresholdStep = z.object({
  threshold: z.number(),
  /** Listings that would have been flagged. */
  flagged: z.int(),
  precision: Estimate,
  recall: Estimate,
});
export type ThresholdStep = z.infer<typeof ThresholdStep>;

/** The file thresholds.json: what each threshold would have meant on the validation listings. */
const Thresholds = z.object({
  n: z.int(),
  offers: z.int(),
  method: z.string(),
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
 * The lowest threshold whose flags are offers with at least the precision asked for, as far as its lower 95 % bound
 * says.
 *
 * @throws AppError PRECISION_UNREACHABLE naming the best there is
 */
export function thresholdFor({ steps }: Thresholds, precision: number): ThresholdStep {
  const found = steps.find((step) => step.precision.low >= precision);
  if (found !== undefined) return found;
  const best = steps.reduce((one, other) => (other.precision.low > one.precision.low ? other : one));
  const message = `the surest threshold is ${best.threshold}, with a lower bound of ${best.precision.low.toFixed(3)}; ask for no more`;
  throw new AppError('PRECISION_UNREACHABLE', 422, message, { issues: [{ field: 'precision', message }] });
}
