import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import { insertAssessments } from './assessments.ts';
import type { Db } from './db.ts';
import { type KnownListing, lockKnown, postKey, updateKnown } from './known-listings.ts';
import { insertRecords } from './records.ts';
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
  let missing = ordered;
  while (missing.length > 0) {
    const known = await lockKnown(
      trx,
      missing.map(({ listing }) => listing),
    );
    const fresh: AssessedListing[] = [];
    const scraped: { known: KnownListing; input: AssessedListing }[] = [];
    for (const input of missing) {
      const { platform, postId } = input.listing;
      const row = postId === undefined ? undefined : known.get(postKey(platform, postId));
      if (row === undefined) fresh.push(input);
      else scraped.push({ known: row, input });
    }
    for (const [index, result] of (await updateKnown(trx, scraped)).entries()) {
      const input = scraped[index]?.input;
      if (input !== undefined) saved.set(input, result);
    }
    // Another process may have inserted the same post since we looked; then it is known in the next turn.
    missing = await insertFresh(trx, fresh, saved);
  }
}

async function insertFresh(
  trx: Db,
  inputs: readonly AssessedListing[],
  saved: Map<AssessedListing, SavedListing>,
): Promise<AssessedListing[]> {
  const planned = new Map(inputs.map((input) => [uuid(), { input, assessmentId: uuid() }]));
  const inserted = await insertRecords(
    trx,
    'listing',
    [...planned].map(
      ([
        id,
        {
          input: { listing, assessment, duplicateGroupId },
          assessmentId,
        },
      ]) => ({
        id,
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
      }),
    ),
    sql<{ id: string }>`on conflict (platform, post_id) do nothing returning id`,
  );
  const assessments = [];
  for (const { id } of inserted) {
    const plan = planned.get(id);
    if (plan === undefined) continue;
    planned.delete(id);
    const { assessment } = plan.input;
    assessments.push({ id: plan.assessmentId, listingId: id, revision: 1, assessment });
    saved.set(plan.input, {
      listingId: id,
      revision: 1,
      assessmentId: plan.assessmentId,
      verdict: assessment.verdict,
      priority: assessment.priority,
      created: true,
    });
  }
  await insertAssessments(trx, assessments);
  return [...planned.values()].map(({ input }) => input);
}
