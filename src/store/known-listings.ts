import { type Selectable, sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Listing } from '../domain/listing.ts';
import type { Verdict } from '../domain/policy.ts';
import { insertAssessments, type NewAssessment } from './assessments.ts';
import type { Db } from './db.ts';
import { insertRecords, type RecordOf, recordset } from './records.ts';
import type { AssessedListing, SavedListing } from './saved-listing.ts';
import type { Tables } from './schema.ts';

/** A listing that stands in the store, with its assessment in force. */
export type KnownListing = Pick<
  Selectable<Tables['listing']>,
  | 'id'
  | 'platform'
  | 'post_id'
  | 'url'
  | 'seller'
  | 'text'
  | 'image_urls'
  | 'posted_at'
  | 'revision'
  | 'duplicate_group_id'
> & { assessment: HeldAssessment | null };

/** The assessment in force. */
type HeldAssessment = {
  id: string;
  revision: number;
  modelVersion: string;
  policyVersion: string;
  verdict: Verdict;
  priority: number;
};

/** Tells posts apart: the same platform and post id is the same listing. */
export function postKey(platform: string, postId: string): string {
  return JSON.stringify([platform, postId]);
}

/** Locks the listings that are known of these posts, in the order of their posts, by `postKey`. */
export async function lockKnown(
  trx: Db,
  listings: readonly Listing[],
): Promise<ReadonlyMap<string, KnownListing>> {
  const posts = listings.flatMap(({ platform, postId }) =>
    postId === undefined ? [] : [{ platform, post_id: postId }],
  );
  if (posts.length === 0) return new Map();
  // A join, since for a list of pairs to compare with PostgreSQL reads the whole table.
  const rows = await trx
    .selectFrom(recordset('listing', posts).as('post'))
    .innerJoin('listing', (join) =>
      join.onRef('listing.platform', '=', 'post.platform').onRef('listing.post_id', '=', 'post.post_id'),
    )
    .select(['listing.id', 'listing.platform', 'listing.post_id', 'listing.url', 'listing.seller'])
    .select(['listing.text', 'listing.image_urls', 'listing.posted_at', 'listing.revision'])
    .select(['listing.duplicate_group_id', 'listing.assessment_id'])
    .orderBy('listing.platform')
    .orderBy('listing.post_id')
    .forUpdate('listing')
    .execute();
  // Not joined to the above: where that waited for another process, PostgreSQL gives the listing anew but joins what
  // it saw before the wait, so the assessment in force would seem to be missing.
  const assessments = await assessmentsOf(
    trx,
    rows.flatMap(({ assessment_id }) => assessment_id ?? []),
  );
  return new Map(
    rows.map(({ assessment_id, ...listing }) => [
      postKey(listing.platform, listing.post_id ?? ''),
      { ...listing, assessment: assessments.get(assessment_id ?? '') ?? null },
    ]),
  );
}

async function assessmentsOf(trx: Db, ids: readonly string[]): Promise<Map<string, HeldAssessment>> {
  if (ids.length === 0) return new Map();
  const rows = await trx
    .selectFrom('assessment')
    .where('id', 'in', ids)
    .select(['id', 'revision', 'verdict', 'priority'])
    .select(['model_version as modelVersion', 'policy_version as policyVersion'])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Brings locked listings up to what was scraped anew: a changed text becomes the next revision and the old one is kept;
 * an unchanged text keeps the assessment it has, unless model or policy changed.
 *
 * @returns what became of each, in the same order
 */
export async function updateKnown(
  trx: Db,
  scraped: readonly { known: KnownListing; input: AssessedListing }[],
): Promise<SavedListing[]> {
  const changes = scraped.map(({ known, input }) => changeOf(known, input));
  await insertRecords(
    trx,
    'listing_revision',
    changes.flatMap(({ replaced }) => replaced ?? []),
  );
  await insertAssessments(
    trx,
    changes.flatMap(({ assessment }) => assessment ?? []),
  );
  const rows = changes.flatMap(({ row }) => row ?? []);
  if (rows.length > 0) {
    await trx
      .updateTable('listing')
      .from(recordset('listing', rows).as('scraped'))
      .whereRef('listing.id', '=', 'scraped.id')
      .set((eb) => ({
        url: eb.ref('scraped.url'),
        seller: eb.ref('scraped.seller'),
        text: eb.ref('scraped.text'),
        image_urls: sql<string>`scraped.image_urls`,
        posted_at: eb.ref('scraped.posted_at'),
        revision: eb.ref('scraped.revision'),
        assessment_id: eb.ref('scraped.assessment_id'),
        verdict: eb.ref('scraped.verdict'),
        duplicate_group_id: eb.ref('scraped.duplicate_group_id'),
        probability: eb.fn.coalesce('scraped.probability', 'listing.probability'),
        updated_at: sql<Date>`now()`,
      }))
      .execute();
  }
  return changes.map(({ saved }) => saved);
}

/** What a scrape does to a listing. */
type Change = {
  saved: SavedListing;
  /** The content that is replaced, */
  replaced: RecordOf<'listing_revision'> | null;
  /** the new assessment, */
  assessment: NewAssessment | null;
  /** and the listing's new row, whose probability is null where it stays; each null where nothing changes. */
  row: RecordOf<'listing'> | null;
};

function changeOf(known: KnownListing, { listing, assessment, ...input }: AssessedListing): Change {
  const textChanged = known.text !== listing.text;
  const revision = textChanged ? known.revision + 1 : known.revision;
  const held =
    known.assessment?.revision === revision &&
    known.assessment.modelVersion === assessment.modelVersion &&
    known.assessment.policyVersion === assessment.policyVersion
      ? known.assessment
      : null;
  const { verdict, priority } = held ?? assessment;
  const assessmentId = held?.id ?? uuid();
  // An unchanged text stays where it is, since groups made in the meantime may be nearer to it.
  const groupId = textChanged ? input.duplicateGroupId : (known.duplicate_group_id ?? input.duplicateGroupId);
  const regrouped = groupId !== known.duplicate_group_id;
  const changed = textChanged || held === null || regrouped || brings(known, listing);
  return {
    saved: { listingId: known.id, revision, assessmentId, verdict, priority, created: false },
    replaced: textChanged
      ? {
          listing_id: known.id,
          revision: known.revision,
          text: known.text,
          image_urls: known.image_urls,
        }
      : null,
    assessment: held === null ? { id: assessmentId, listingId: known.id, revision, assessment } : null,
    row: changed
      ? {
          id: known.id,
          // A scrape that lacks a field does not unsay what an earlier one knew.
          url: listing.url ?? known.url,
          seller: listing.seller ?? known.seller,
          posted_at: listing.postedAt ?? known.posted_at,
          image_urls: listing.imageUrls.length > 0 ? listing.imageUrls : known.image_urls,
          text: listing.text,
          revision,
          assessment_id: assessmentId,
          verdict,
          duplicate_group_id: groupId,
          probability: held === null ? assessment.probability : null,
        }
      : null,
  };
}

/** Whether a scrape brings anything that the stored listing has not. */
function brings(known: KnownListing, listing: Listing): boolean {
  return (
    (listing.url ?? known.url) !== known.url ||
    (listing.seller ?? known.seller) !== known.seller ||
    (listing.postedAt !== undefined && Date.parse(listing.postedAt) !== known.posted_at?.getTime()) ||
    (listing.imageUrls.length > 0 && JSON.stringify(listing.imageUrls) !== JSON.stringify(known.image_urls))
  );
}
