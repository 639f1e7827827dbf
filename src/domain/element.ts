import { z } from 'zod';

/**
 * The five facts that together make the offence, in the order every screen and file lists them:
 * `clothing` (what customs heading HS 6309 covers), `used`, `imported` (second-hand stock of foreign origin; a
 * foreign brand alone is not enough), `offered` (somebody sells) and `bulk` (bales, sacks, wholesale).
 */
export const elements = ['clothing', 'used', 'imported', 'offered', 'bulk'] as const;
export const Element = z.enum(elements);
export type Element = z.infer<typeof Element>;

/** The elements a listing must show before it can be flagged; `bulk` aggravates but is not needed. */
export const requiredElements = ['clothing', 'used', 'imported', 'offered'] as const satisfies Element[];

const Probability = z.number().min(0).max(1);

/** One calibrated probability in [0, 1] for each element. */
export const ElementProbabilities = z.object({
  clothing: Probability,
  used: Probability,
  imported: Probability,
  offered: Probability,
  bulk: Probability,
});
export type ElementProbabilities = z.infer<typeof ElementProbabilities>;
