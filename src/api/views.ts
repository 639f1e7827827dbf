import { z } from 'zod';
import { Assessment } from '../domain/assessment.ts';
import { Platform } from '../domain/listing.ts';
import type { StoredListing } from '../store/find-listings.ts';

const Time = z.iso.datetime();

/** A stored listing with the assessment in force and the review of its present text, as JSON. */
export const ListingView = z.object({
  id: z.uuid(),
  platform: Platform,
  postId: z.string().nullable(),
  url: z.string().nullable(),
  seller: z.string().nullable(),
  text: z.string(),
  imageUrls: z.array(z.string()),
  postedAt: Time.nullable(),
  revision: z.int(),
  createdAt: Time,
  updatedAt: Time,
  assessment: Assessment.extend({ id: z.uuid(), createdAt: Time }),
  review: z.object({ id: z.uuid(), state: z.enum(['waiting', 'decided']) }).nullable(),
});
export type ListingView = z.infer<typeof ListingView>;

/** Turns a stored listing into what the API shows. */
export function viewListing(listing: StoredListing): ListingView {
  return {
    ...listing,
    postedAt: listing.postedAt?.toISOString() ?? null,
    createdAt: listing.createdAt.toISOString(),
    updatedAt: listing.updatedAt.toISOString(),
    assessment: { ...listing.assessment, createdAt: listing.assessment.createdAt.toISOString() },
  };
}
