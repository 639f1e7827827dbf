import { z } from 'zod';
import { Platform } from '../domain/listing.ts';
import type { Services } from '../services.ts';
import type { StoredListing } from '../store/find-listings.ts';
import { AssessmentView, viewAssessment } from './assessment-view.ts';
import { type PictureSet, PictureView } from './picture-view.ts';

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
  /** What became of its pictures, in the order of imageUrls, uploads last. */
  pictures: z.array(PictureView),
  postedAt: Time.nullable(),
  revision: z.int(),
  createdAt: Time,
  updatedAt: Time,
  assessment: AssessmentView.extend({ id: z.uuid(), createdAt: Time }),
  review: z.object({ id: z.uuid(), state: z.enum(['waiting', 'decided']) }).nullable(),
});
export type ListingView = z.infer<typeof ListingView>;

/** Turns a stored listing into what the API shows. */
export function viewListing(
  listing: StoredListing,
  { pictures, texts }: PictureSet,
  services: Pick<Services, 'classifier' | 'lexicon'>,
  include: { terms: boolean },
): ListingView {
  return {
    ...listing,
    pictures,
    postedAt: listing.postedAt?.toISOString() ?? null,
    createdAt: listing.createdAt.toISOString(),
    updatedAt: listing.updatedAt.toISOString(),
    assessment: {
      ...viewAssessment(listing.text, texts, listing.assessment, services, include),
      createdAt: listing.assessment.createdAt.toISOString(),
    },
  };
}
