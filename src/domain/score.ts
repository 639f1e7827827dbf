import { z } from 'zod';
import { Element, ElementProbabilities } from './element.ts';

/**
 * A stretch `[start, end)` of the listing's text, or of the text read from one of its pictures, in UTF-16 code units, that
 * moved one element's probability.
 */
export const Span = z.object({
  start: z.int().min(0),
  end: z.int().min(1),
  element: Element,
  /** Which picture's text it is, from 1; absent for the listing's own. */
  picture: z.int().min(1).optional(),
  /** Change of the element's log-odds that this stretch caused: above zero speaks for it, below against. */
  weight: z.number(),
});
export type Span = z.infer<typeof Span>;

/** What the classifier says of one text. */
export const Score = z.object({
  /** Calibrated probability that the text offers imported used clothing. */
  probability: z.number().min(0).max(1),
  elements: ElementProbabilities,
  spans: z.array(Span),
  modelVersion: z.string(),
});
export type Score = z.infer<typeof Score>;
