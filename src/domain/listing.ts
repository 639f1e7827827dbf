import { z } from 'zod';
import type { FieldIssue } from './app-error.ts';
import { fieldIssues } from './field-issues.ts';
import { storable } from './text.ts';

const platforms = [
  'instagram',
  'tiktok',
  'facebook',
  'shopee',
  'tokopedia',
  'x',
  'google',
  'whatsapp',
  'other',
] as const;
export const Platform = z.enum(platforms);
export type Platform = z.infer<typeof Platform>;

/** Longest text of a listing in UTF-16 code units; the longest post a platform allows (Facebook) has 63,206. */
const maxTextLength = 100_000;
/** Most pictures of a listing; the largest album a platform allows (TikTok) has 35. */
export const maxImageUrls = 50;

/** A zone-less clock a day off is a time zone; more is a mistake or a trick. */
const futureToleranceMs = 24 * 60 * 60 * 1000;

const HttpUrl = z
  .string()
  .max(2048, 'must have at most 2,048 characters')
  .refine((value) => {
    const url = URL.parse(value);
    return url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  }, 'must be an http:// or https:// address')
  .refine((value) => {
    const url = URL.parse(value);
    return url === null || (url.username === '' && url.password === '');
  }, 'must not carry a user name or password')
  .transform(storable);

const ShortText = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(300, 'must have at most 300 characters')
  .transform(storable);

/** One post or product page that someone published. `text` keeps what the seller wrote, unit by unit. */
export const Listing = z.strictObject({
  platform: Platform.default('other'),
  /** The platform's own id of the post; the same platform and postId again is the same listing. */
  postId: ShortText.optional(),
  url: HttpUrl.optional(),
  /** Name or id of the account on the platform. */
  seller: ShortText.optional(),
  text: z
    .string()
    .max(maxTextLength, `must have at most ${maxTextLength} UTF-16 code units; cut it or send its parts`)
    .transform(storable)
    .refine((text) => text.trim() !== '', 'must not be empty; send the caption, title or description'),
  imageUrls: z.array(HttpUrl).max(maxImageUrls, `must have at most ${maxImageUrls} addresses`).default([]),
  /** When the post was published, ISO 8601 with a zone. */
  postedAt: z.iso
    .datetime({
      offset: true,
      message: 'must be an ISO 8601 time with a zone, such as 2026-01-31T08:00:00+07:00',
    })
    .optional(),
});
export type Listing = z.infer<typeof Listing>;
export type ListingInput = z.input<typeof Listing>;

/** The issue of a `postedAt` more than a day after `now`, or none. */
export function futureIssue(listing: Pick<Listing, 'postedAt'>, now: Date): FieldIssue | null {
  if (listing.postedAt === undefined) return null;
  if (Date.parse(listing.postedAt) <= now.getTime() + futureToleranceMs) return null;
  return { field: 'postedAt', message: 'lies in the future; check the date and its time zone' };
}

/**
 * Checks one listing from outside.
 *
 * @param now the clock that `postedAt` is held against
 */
export function parseListing(
  input: unknown,
  now: Date,
): { ok: true; listing: Listing } | { ok: false; issues: FieldIssue[] } {
  const parsed = Listing.safeParse(input);
  if (!parsed.success) return { ok: false, issues: fieldIssues(parsed.error) };
  const future = futureIssue(parsed.data, now);
  return future === null ? { ok: true, listing: parsed.data } : { ok: false, issues: [future] };
}
