import { z } from 'zod';
import { Element } from './element.ts';
import { storable } from './text.ts';

/** What a reviewer can say of a flag. */
export const outcomes = ['confirmed', 'dismissed', 'escalated'] as const;
export const Outcome = z.enum(outcomes);
export type Outcome = z.infer<typeof Outcome>;

/** What a reviewer says of a flagged listing; it cannot exist without a reason. */
export const Decision = z.strictObject({
  outcome: Outcome,
  /** The elements the reviewer saw for themselves. */
  elements: z
    .array(Element)
    .max(5)
    .transform((list) => [...new Set(list)]),
  reason: z
    .string()
    .trim()
    .min(1, 'must not be empty; say in a few words why')
    .max(2000, 'must have at most 2,000 characters')
    .transform(storable),
});
export type Decision = z.infer<typeof Decision>;
