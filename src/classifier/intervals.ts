import { z } from 'zod';

/** A figure with its 95 % interval; `value` is NaN where there is nothing to measure, null in a file. */
export const Estimate = z.object({
  value: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
  low: z.number(),
  high: z.number(),
  n: z.int(),
});
export type Estimate = z.infer<typeof Estimate>;

/** Two-sided 95 % point of the normal distribution. */
const z95 = 1.959964;

/**
 * A share with Wilson's 95 % score interval (Wilson 1927), which holds for small n and for shares of 0 and 1.
 *
 * @param hits of `n` trials; n = 0 gives the whole range
 */
export function wilson(hits: number, n: number): Estimate {
  if (n === 0) return { value: Number.NaN, low: 0, high: 1, n };
  const share = hits / n;
  const square = z95 * z95;
  const centre = (share + square / (2 * n)) / (1 + square / n);
  const reach = (z95 / (1 + square / n)) * Math.sqrt((share * (1 - share)) / n + square / (4 * n * n));
  return { value: share, low: Math.max(0, centre - reach), high: Math.min(1, centre + reach), n };
}
