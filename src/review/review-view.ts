import { sql } from 'kysely';
import type { Db } from '../store/db.ts';
import { unpackSpans } from '../store/spans.ts';
import { type Duplicates, findDuplicates } from './find-duplicates.ts';

/** Reviews by id, with the text of the very revision that was flagged. */
const reviewRows = (db: Db, ids: readonly string[]) =>
  db
    .selectFrom('review')
    .innerJoin('listing', 'listing.id', 'review.listing_id')
    .innerJoin('assessment', 'assessment.id', 'review.assessment_id')
    .leftJoin('listing_revision', (join) =>
      join
        .onRef('listing_revision.listing_id', '=', 'review.listing_id')
        .onRef('listing_revision.revision', '=', 'review.revision'),
    )
    .where('review.id', 'in', ids)
    .select(['review.id', 'review.revision', 'review.priority', 'review.state', 'review.created_at'])
    .select([
      'review.duplicate_group_id',
      'review.claimed_by',
      'review.claim_token',
      'review.claim_expires_at',
    ])
    .select([
      'listing.id as listing_id',
      'listing.platform',
      'listing.post_id',
      'listing.url',
      'listing.seller',
      'listing.posted_at',
    ])
    .select((eb) => [
      eb.fn.coalesce('listing_revision.text', 'listing.text').as('text'),
      sql<string[]>`coalesce(listing_revision.image_urls, listing.image_urls)`.as('image_urls'),
    ])
    .select([
      'assessment.id as assessment_id',
      'assessment.probability',
      'assessment.spans',
      'assessment.verdict',
    ])
    .select([
      'assessment.clothing',
      'assessment.used',
      'assessment.imported',
      'assessment.offered',
      'assessment.bulk',
    ])
    .select([
      'assessment.priority as assessed_priority',
      'assessment.model_version',
      'assessment.policy_version',
      'assessment.captures',
      'assessment.picture_matches',
    ]);

type Row = Awaited<ReturnType<ReturnType<typeof reviewRows>['executeTakeFirstOrThrow']>>;

function view(row: Row, duplicates: Duplicates | null) {
  return {
    id: row.id,
    revision: row.revision,
    state: row.state,
    priority: row.priority,
    createdAt: row.created_at,
    listing: {
      id: row.listing_id,
      platform: row.platform,
      postId: row.post_id,
      url: row.url,
      seller: row.seller,
      text: row.text,
      imageUrls: row.image_urls,
      postedAt: row.posted_at,
    },
    assessment: {
      id: row.assessment_id,
      probability: row.probability,
      elements: {
        clothing: row.clothing,
        used: row.used,
        imported: row.imported,
        offered: row.offered,
        bulk: row.bulk,
      },
      spans: unpackSpans(row.spans ?? {}),
      captures: row.captures,
      pictureMatches: row.picture_matches,
      modelVersion: row.model_version,
      policyVersion: row.policy_version,
      verdict: row.verdict,
      priority: row.assessed_priority,
    },
    duplicates,
    claim:
      row.claimed_by === null || row.claim_expires_at === null
        ? null
        : { reviewerId: row.claimed_by, token: row.claim_token, expiresAt: row.claim_expires_at },
  };
}

/** A review with what its reviewer must see. */
export type Review = ReturnType<typeof view>;
/** A review in somebody's hands. */
export type ClaimedReview = Review & { claim: NonNullable<Review['claim']> };

/**
 * The reviews of these ids, in the order of the ids; unknown ones are left out.
 *
 * @param show how many near-duplicates to show with each
 */
export async function findReviews(
  db: Db,
  ids: readonly string[],
  show: { duplicates: number },
): Promise<Review[]> {
  if (ids.length === 0) return [];
  const rows = await reviewRows(db, ids).execute();
  const grouped = rows.flatMap(({ id, duplicate_group_id: groupId, text }) =>
    groupId === null ? [] : [{ id, groupId, text }],
  );
  const duplicates = await findDuplicates(db, grouped, show.duplicates);
  const byId = new Map(rows.map((row) => [row.id, view(row, duplicates.get(row.id) ?? null)]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** Whether a review is in somebody's hands, as the compiler should know it. */
export function isClaimed(review: Review): review is ClaimedReview {
  return review.claim !== null;
}
