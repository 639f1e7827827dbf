import type { BriefAssessment } from '../domain/assessment.ts';
import type { Listing } from '../domain/listing.ts';
import type { Verdict } from '../domain/policy.ts';

/** A listing with the assessment of its text, and the group of texts like it where there is one. */
export type AssessedListing = {
  listing: Listing;
  assessment: BriefAssessment;
  duplicateGroupId: string | null;
};

/** What became of an assessed listing in the store. */
export type SavedListing = {
  listingId: string;
  revision: number;
  /** The assessment in force: the new one, or the one that already stood for this text, model and policy. */
  assessmentId: string;
  verdict: Verdict;
  priority: number;
  /** Whether the post was unknown until now. */
  created: boolean;
};
