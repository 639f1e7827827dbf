import type { Assessment } from '../../src/domain/assessment.ts';
import { Listing, type ListingInput } from '../../src/domain/listing.ts';
import { enqueueFlags } from '../../src/review/enqueue-flags.ts';
import { type Db, inTransaction } from '../../src/store/db.ts';
import { saveListings } from '../../src/store/save-listings.ts';
import type { AssessedListing, SavedListing } from '../../src/store/saved-listing.ts';

/** An assessment as the classifier and triage would give it; only the store looks at it here. */
function anAssessment(change: Partial<Assessment> = {}): Assessment {
  return {
    probability: 0.9,
    elements: { clothing: 0.9, used: 0.9, imported: 0.9, offered: 0.9, bulk: 0.1 },
    spans: [{ start: 0, end: 4, element: 'used', weight: 1.5 }],
    captures: [],
    pictureMatches: [],
    modelVersion: 'model-1',
    policyVersion: 'policy-1',
    verdict: 'flag',
    priority: 0.5,
    ...change,
  };
}

export function anAssessed(
  listing: ListingInput,
  assessment: Partial<Assessment> = {},
  duplicateGroupId: string | null = null,
): AssessedListing {
  return { listing: Listing.parse(listing), assessment: anAssessment(assessment), duplicateGroupId };
}

/** Saves listings and queues their flags, as the pipeline does. */
export async function saveAndFlag(db: Db, inputs: readonly AssessedListing[]): Promise<SavedListing[]> {
  return await inTransaction(db, async (trx) => {
    const saved = await saveListings(trx, inputs);
    await enqueueFlags(
      trx,
      saved.filter(({ verdict }) => verdict === 'flag'),
    );
    return saved;
  });
}
