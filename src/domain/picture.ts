import { z } from 'zod';

/** `waiting` to be fetched, `captured` as a frozen copy, or `failed` for good. */
export const PictureState = z.enum(['waiting', 'captured', 'failed']);
export type PictureState = z.infer<typeof PictureState>;

/**
 * What a person said of a frozen copy: `banked` is known from offers, `harmless` says nothing wherever it is (a logo, a
 * size chart), `off` is not to be matched.
 */
export const CaptureStanding = z.enum(['banked', 'harmless', 'off']);
export type CaptureStanding = z.infer<typeof CaptureStanding>;

/** A picture of the listing that is known from other listings. */
export const PictureMatch = z.object({
  /** Which of the listing's pictures, from 1. */
  picture: z.int().min(1),
  /** The frozen copy it matches, by SHA-256; the same as its own where the bytes are the same. */
  sha256: z.string(),
  /** Bits of 256 in which the perceptual hashes differ. */
  distance: z.int().min(0).max(256),
  /** Other listings with that picture, and how many of them a person confirmed or dismissed. */
  listings: z.int().min(0),
  confirmed: z.int().min(0),
  dismissed: z.int().min(0),
  /** What the match added to the log-odds of the offer and of its elements `used` and `imported`. */
  added: z.number(),
});
export type PictureMatch = z.infer<typeof PictureMatch>;
