import { sql } from 'kysely';
import type { Platform } from '../domain/listing.ts';
import type { Verdict } from '../domain/policy.ts';
import type { Db } from './db.ts';
import { unpackSpans } from './spans.ts';

/** Which listings to give; a filter that is absent lets all through. */
export type ListingFilter = {
  platform?: Platform | undefined;
  verdict?: Verdict | undefined;
  seller?: string | undefined;
  minProbability?: number | undefined;
  receivedFrom?: Date | undefined;
  receivedBefore?: Date | undefined;
};

const unfiltered = (db: Db) =>
  db
    .selectFrom('listing')
    .innerJoin('assessment', 'assessment.id', 'listing.assessment_id')
    .leftJoin('review', (join) =>
      join.onRef('review.listing_id', '=', 'listing.id').onRef('review.revision', '=', 'listing.revision'),
    )
    .select([
      'listing.id',
      'listing.platform',
      'listing.post_id',
      'listing.url',
      'listing.seller',
      'listing.text',
    ])
    .select([
      'listing.image_urls',
      'listing.posted_at',
      'listing.revision',
      'listing.created_at',
      'listing.updated_at',
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
    .select(['assessment.priority', 'assessment.model_version', 'assessment.policy_version'])
    .select(['assessment.captures', 'assessment.picture_matches'])
    .select([
      'assessment.created_at as assessed_at',
      'review.id as review_id',
      'review.state as review_state',
    ]);

type Row = Awaited<ReturnType<ReturnType<typeof unfiltered>['executeTakeFirstOrThrow']>>;

function stored(row: Row) {
  return {
    id: row.id,
    platform: row.platform,
    postId: row.post_id,
    url: row.url,
    seller: row.seller,
    text: row.text,
    imageUrls: row.image_urls,
    postedAt: row.posted_at,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
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
      spans: row.spans === null ? null : unpackSpans(row.spans),
      captures: row.captures,
      pictureMatches: row.picture_matches,
      modelVersion: row.model_version,
      policyVersion: row.policy_version,
      verdict: row.verdict,
      priority: row.priority,
      createdAt: row.assessed_at,
    },
    review:
      row.review_id === null || row.review_state === null
        ? null
        : { id: row.review_id, state: row.review_state },
  };
}

/** A listing as the store holds it, with the assessment in force and the review of its present revision. */
export type StoredListing = ReturnType<typeof stored>;

/** The listing, or null. */
export async function findListing(db: Db, id: string): Promise<StoredListing | null> {
  const row = await unfiltered(db).where('listing.id', '=', id).executeTakeFirst();
  return row === undefined ? null : stored(row);
}

/** Ids are made by the clocks of many processes, and no clock that is looked after is this far from the database's. */
const clocksApartMs = 10 * 60 * 1000;

/** The least id (UUID version 7, RFC 9562: its first 48 bits are milliseconds) of a time, so that its index finds times, too. */
function idAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/**
 * Newest listings first, at most `limit`.
 *
 * @param after id of the last listing already given; ids grow with time, so nothing is given twice or missed
 */
export async function listListings(
  db: Db,
  filter: ListingFilter,
  limit: number,
  after: string | null,
): Promise<StoredListing[]> {
  let query = unfiltered(db).orderBy('listing.id', 'desc').limit(limit);
  if (after !== null) query = query.where('listing.id', '<', after);
  if (filter.platform !== undefined) query = query.where('listing.platform', '=', filter.platform);
  if (filter.verdict !== undefined) query = query.where('listing.verdict', '=', filter.verdict);
  if (filter.seller !== undefined) query = query.where('listing.seller', '=', filter.seller);
  if (filter.minProbability !== undefined)
    query = query.where('listing.probability', '>=', filter.minProbability);
  if (filter.receivedFrom !== undefined)
    query = query
      .where('listing.created_at', '>=', filter.receivedFrom)
      .where('listing.id', '>=', idAt(filter.receivedFrom.getTime() - clocksApartMs));
  if (filter.receivedBefore !== undefined)
    query = query
      .where('listing.created_at', '<', filter.receivedBefore)
      .where('listing.id', '<', idAt(filter.receivedBefore.getTime() + clocksApartMs));
  return (await query.execute()).map(stored);
}

/** How many listings have each verdict. */
export async function countVerdicts(db: Db): Promise<Record<Verdict, number>> {
  const rows = await db
    .selectFrom('listing')
    .where('verdict', 'is not', null)
    .groupBy('verdict')
    .select(['verdict', sql<number>`count(*)::int`.as('count')])
    .execute();
  const counts = { flag: 0, watch: 0, clear: 0 };
  for (const { verdict, count } of rows) if (verdict !== null) counts[verdict] = count;
  return counts;
}
