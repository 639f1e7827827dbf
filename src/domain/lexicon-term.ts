import { z } from 'zod';
import { Element } from './element.ts';

/** Something said in Bahasa Indonesia and in English. */
export const Bilingual = z.object({ id: z.string(), en: z.string() });
export type Bilingual = z.infer<typeof Bilingual>;

/** A word of the trade: what it means, and which element it speaks for or against. data/lexicon/README.md tells more. */
export const LexiconTerm = z.object({
  term: z.string().min(1),
  forms: z.array(z.string().min(2)).min(1),
  element: Element,
  speaks: z.enum(['for', 'against']),
  /** 1 a hint, 2 a good sign, 3 alone nearly decisive. */
  strength: z.int().min(1).max(3),
  regions: z.array(z.string()),
  meaning: Bilingual,
  notTo: z.array(z.string()),
  source: z.string().min(1),
});
export type LexiconTerm = z.infer<typeof LexiconTerm>;

/** A word of the trade that stands in a text, first at `[start, end)` in UTF-16 code units. */
export const TermMatch = LexiconTerm.pick({
  term: true,
  element: true,
  speaks: true,
  strength: true,
  regions: true,
  meaning: true,
  source: true,
}).extend({ start: z.int().min(0), end: z.int().min(1) });
export type TermMatch = z.infer<typeof TermMatch>;
