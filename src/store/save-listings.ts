import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import { assessmentRecord } from './assessments.ts';
import type { Db } from './db.ts';
import { type KnownListing, lockKnown, postKey, updateKnown } from './known-listings.ts';
import { insertion, type RecordOf } from './records.ts';
import type { AssessedListing, SavedListing } from './saved-listing.ts';

/**
 * Stores listings with their assessments, in the caller's transaction. A post with the same platform and postId
 * is the same listing, brought up to date; a listing without postId is always a new one.
 *
 * @returns one result per input, in the same order
 */
export async function saveListings(trx: Db, inputs: readonly AssessedListing[]): Promise<SavedListing[]> {
  const saved = new Map<AssessedListing, SavedListing>();
  // One statement cannot touch a row twice, so a post that stands in the input twice is saved in two rounds.
  for (let waiting = [...inputs]; waiting.length > 0; ) {
    const round = new Map<string, AssessedListing>();
    const later: AssessedListing[] = [];
    for (const input of waiting) {
      const { platform, postId } = input.listing;
      const key = postId === undefined ? uuid() : postKey(platform, postId);
      if (round.has(key)) later.push(input);
      else round.set(key, input);
    }
    await saveRound(trx, round, saved);
    waiting = later;
  }
  return inputs.map((input) => {
    const result = saved.get(input);
    if (result === undefined) throw new Error('a listing was not saved');
    return result;
  });
}

async function saveRound(
  trx: Db,
  round: ReadonlyMap<string, AssessedListing>,
  saved: Map<AssessedListing, SavedListing>,
): Promise<void> {
  // Every transaction takes rows in the same order, so that two of them do not wait for each other.
  const ordered = [...round].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, input]) => input);
  // Most posts are new, so they are not looked for first. One that was known may be gone when it is looked for: then again.
  for (let known = await insertFresh(trx, ordered, saved); known.length > 0; ) {
    const locked = await lockKnown(
      trx,
      known.map(({ listing }) => listing),
    );
    const scraped: { known: KnownListing; input: AssessedListing }[] = [];
    const gone: AssessedListing[] = [];
    for (const input of known) {
      const { platform, postId } = input.listing;
      const row = postId === undefined ? undefined : locked.get(postKey(platform, postId));
      if (row === undefined) gone.push(input);
      else scraped.push({ known: row, input });
    }
    for (const [index, result] of (await updateKnown(trx, scraped)).entries()) {
      const input = scraped[index]?.input;
      if (input !== undefined) saved.set(input, result);
    }
    known = await insertFresh(trx, gone, saved);
  }
}

/**
 * Inserts listings with their assessments, in one statement, since analysts wait for each.
 *
 * @returns those whose posts are known
 */
async function insertFresh(
  trx: Db,
  inputs: readonly AssessedListing[],
  saved: Map<AssessedListing, SavedListing>,
): Promise<AssessedListing[]> {
  if (inputs.length === 0) return [];
  const planned = new Map(inputs.map((input) => [uuid(), { input, assessmentId: uuid() }]));
  const plans = [...planned].map(([listingId, plan]) => ({ listingId, ...plan }));
  const listings = insertion(
    'listing',
    plans.map(listingRecord),
    sql`on conflict (platform, post_id) do nothing returning id`,
  );
  const assessments = insertion(
    'assessment',
    plans.map(({ listingId, assessmentId: id, input: { assessment } }) =>
      assessmentRecord({ id, listingId, revision: 1, assessment }),
    ),
    sql<{ id: string }>`where listing_id in (select id from fresh) returning listing_id as id`,
  );
  const inserted = await sql<{ id: string }>`with fresh as (${listings}) ${assessments}`.execute(trx);
  for (const { id } of inserted.rows) {
    const plan = planned.get(id);
    if (plan === undefined) continue;
    planned.delete(id);
    const { verdict, priority } = plan.input.assessment;
    const { assessmentId } = plan;
    saved.set(plan.input, { listingId: id, revision: 1, assessmentId, verdict, priority, created: true });
  }
  return [...planned.values()].map(({ input }) => input);
}

function listingRecord({
  listingId,
  assessmentId,
  input: { listing, assessment, duplicateGroupId },
}: {
  listingId: string;
  assessmentId: string;
  input: AssessedListing;
}): RecordOf<'listing'> {
  return {
    id: listingId,
    platform: listing.platform,
    post_id: listing.postId ?? null,
    url: listing.url ?? null,
    seller: listing.seller ?? null,
    text: listing.text,
    image_urls: listing.imageUrls,
    posted_at: listing.postedAt ?? null,
    revision: 1,
    assessment_id: assessmentId,
    verdict: assessment.verdict,
    probability: assessment.probability,
    duplicate_group_id: duplicateGroupId,
  };
}
