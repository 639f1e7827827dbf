import { z } from 'zod';
import { Platform } from '../domain/listing.ts';
import type { Span } from '../domain/score.ts';
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
  pictures: PictureSet,
  services: Pick<Services, 'classifier' | 'lexicon'>,
  include: { terms: boolean },
): ListingView {
  const [view] = viewListings([listing], [pictures], services, include);
  if (view === undefined) throw new Error('a listing gave no view');
  return view;
}

/**
 * Turns stored listings into what the API shows.
 *
 * @param sets the pictures of each, in the same order
 */
export function viewListings(
  listings: readonly StoredListing[],
  sets: readonly PictureSet[],
  services: Pick<Services, 'classifier' | 'lexicon'>,
  include: { terms: boolean },
): ListingView[] {
  return withSpans(listings, services.classifier).map((listing, index) => {
    const { pictures, texts } = sets[index] ?? { pictures: [], texts: [] };
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
  });
}

type Explained = StoredListing & { assessment: { spans: Span[] } };

/** Adds the spans that were not stored, as the model in force says them again; one that no longer is says nothing. */
function withSpans(
  listings: readonly StoredListing[],
  { modelVersion, scoreMany }: Services['classifier'],
): Explained[] {
  const brief = listings.filter(
    ({ assessment }) => assessment.spans === null && assessment.modelVersion === modelVersion,
  );
  // All at once, which for a page takes half the time of one by one.
  const scores = scoreMany(
    brief.map(({ text }) => text),
    { spans: true },
  );
  const anew = new Map(brief.map(({ id }, index) => [id, scores[index]?.spans ?? []]));
  return listings.map((listing) => ({
    ...listing,
    assessment: { ...listing.assessment, spans: listing.assessment.spans ?? anew.get(listing.id) ?? [] },
  }));
}
