import { z } from 'zod';

/** What the reading process is asked: one picture, and within which bounds to read it. */
export type ReadingQuestion = {
  bytes: Uint8Array;
  /** Width times height, at most. */
  maxPixels: number;
  /** Words below are dropped, 0–1. */
  leastConfidence: number;
};

/** The longest text that is handed on, in UTF-16 units: a page full of words; more comes of noise. */
export const maxTextUnits = 10_000;

/**
 * What the reading process says. It is checked like anything from outside, since that process is where hostile pictures
 * are decoded.
 */
export const ReadingAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({
    kind: z.literal('read'),
    text: z.string().max(maxTextUnits),
    confidence: z.number().min(0).max(1),
    rssMib: z.number().nonnegative(),
  }),
  z.object({
    kind: z.literal('refused'),
    problem: z.enum(['too-many-pixels', 'not-a-picture', 'damaged']),
    message: z.string().max(1_000),
  }),
  z.object({ kind: z.literal('failed'), message: z.string().max(1_000) }),
  z.object({ kind: z.literal('memory'), rssMib: z.number().nonnegative() }),
]);
export type ReadingAnswer = z.infer<typeof ReadingAnswer>;
