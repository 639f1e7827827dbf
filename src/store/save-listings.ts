import { v7 as uuid } from 'uuid';
import type { Assessment } from '../domain/assessment.ts';
import type { Listing } from '../domain/listing.ts';
import type { Verdict } from '../domain/policy.ts';
import type { Db } from './db.ts';

/** A listing with the assessment of its text. */
export type AssessedListing = { listing: Listing; assessment: Assessment };

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

type Known = {
  id: string;
  platform: string;
  post_id: string | null;
  url: string | null;
  seller: string | null;
  text: string;
  image_urls: string[];
  posted_at: Date | null;
  revision: number;
  assessment: {
    id: string;
    revision: number;
    model: string;
    policy: string;
    verdict: Verdict;
    priority: number;
  } | null;
};

function postKey(platform: string, postId: string): string {
  return JSON.stringify([platform, postId]);
}

/**
 * Stores listings with their assessments, in the caller's transaction. A post with the same platform and postId
 * is the same listing: a changed text becomes its next revision and the old one is kept; an unchanged text keeps
 * the assessment it has, unless model or policy changed. A listing without postId is always a new one.
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
    const known = await lockKnown(trx, missing);
    const fresh: AssessedListing[] = [];
    for (const input of missing) {
      const { platform, postId } = input.listing;
      const row = postId === undefined ? undefined : known.get(postKey(platform, postId));
      if (row === undefined) fresh.push(input);
      else saved.set(input, await update(trx, row, input));
    }
    // Another process may have inserted the same post since we looked; then it is known in the next turn.
    missing = await insertFresh(trx, fresh, saved);
  }
}

async function lockKnown(trx: Db, inputs: readonly AssessedListing[]): Promise<Map<string, Known>> {
  const posts = inputs.flatMap(({ listing }) =>
    listing.postId === undefined ? [] : [{ platform: listing.platform, postId: listing.postId }],
  );
  if (posts.length === 0) return new Map();
  const rows = await trx
    .selectFrom('listing')
    .where((eb) =>
      eb(
        eb.refTuple('platform', 'post_id'),
        'in',
        posts.map(({ platform, postId }) => eb.tuple(platform, postId)),
      ),
    )
    .select(['id', 'platform', 'post_id', 'url', 'seller', 'text'])
    .select(['image_urls', 'posted_at', 'revision', 'assessment_id'])
    .orderBy('platform')
    .orderBy('post_id')
    .forUpdate()
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

async function assessmentsOf(
  trx: Db,
  ids: readonly string[],
): Promise<Map<string, NonNullable<Known['assessment']>>> {
  if (ids.length === 0) return new Map();
  const rows = await trx
    .selectFrom('assessment')
    .where('id', 'in', ids)
    .select(['id', 'revision', 'model_version as model', 'policy_version as policy', 'verdict', 'priority'])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

async function insertFresh(
  trx: Db,
  inputs: readonly AssessedListing[],
  saved: Map<AssessedListing, SavedListing>,
): Promise<AssessedListing[]> {
  if (inputs.length === 0) return [];
  const planned = new Map(inputs.map((input) => [uuid(), { input, assessmentId: uuid() }]));
  const inserted = await trx
    .insertInto('listing')
    .values(
      [...planned].map(([id, { input, assessmentId }]) => ({
        id,
        ...content(input.listing),
        platform: input.listing.platform,
        post_id: input.listing.postId ?? null,
        revision: 1,
        assessment_id: assessmentId,
        verdict: input.assessment.verdict,
        probability: input.assessment.probability,
      })),
    )
    .onConflict((conflict) => conflict.columns(['platform', 'post_id']).doNothing())
    .returning('id')
    .execute();
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

async function update(trx: Db, known: Known, input: AssessedListing): Promise<SavedListing> {
  const { listing, assessment } = input;
  const textChanged = known.text !== listing.text;
  const revision = textChanged ? known.revision + 1 : known.revision;
  const held = known.assessment;
  const stands =
    held !== null &&
    held.revision === revision &&
    held.model === assessment.modelVersion &&
    held.policy === assessment.policyVersion;
  if (textChanged) {
    await trx
      .insertInto('listing_revision')
      .values({
        listing_id: known.id,
        revision: known.revision,
        text: known.text,
        image_urls: JSON.stringify(known.image_urls),
      })
      .execute();
  }
  const assessmentId = stands ? held.id : uuid();
  if (!stands)
    await insertAssessments(trx, [{ id: assessmentId, listingId: known.id, revision, assessment }]);
  const verdict = stands ? held.verdict : assessment.verdict;
  if (textChanged || !stands || brings(known, listing)) {
    await trx
      .updateTable('listing')
      .set({
        ...content(listing),
        // A scrape that lacks a field does not unsay what an earlier one knew.
        url: listing.url ?? known.url,
        seller: listing.seller ?? known.seller,
        posted_at: listing.postedAt ?? known.posted_at,
        image_urls: JSON.stringify(listing.imageUrls.length > 0 ? listing.imageUrls : known.image_urls),
        revision,
        assessment_id: assessmentId,
        verdict,
        ...(stands ? {} : { probability: assessment.probability }),
        updated_at: new Date(),
      })
      .where('id', '=', known.id)
      .execute();
  }
  const priority = stands ? held.priority : assessment.priority;
  return { listingId: known.id, revision, assessmentId, verdict, priority, created: false };
}

/** Whether a scrape brings anything that the stored listing has not. */
function brings(known: Known, listing: Listing): boolean {
  return (
    (listing.url ?? known.url) !== known.url ||
    (listing.seller ?? known.seller) !== known.seller ||
    (listing.postedAt !== undefined && Date.parse(listing.postedAt) !== known.posted_at?.getTime()) ||
    (listing.imageUrls.length > 0 && JSON.stringify(listing.imageUrls) !== JSON.stringify(known.image_urls))
  );
}

function content(listing: Listing) {
  return {
    url: listing.url ?? null,
    seller: listing.seller ?? null,
    text: listing.text,
    image_urls: JSON.stringify(listing.imageUrls),
    posted_at: listing.postedAt ?? null,
  };
}

/** Writes assessments down; none is in force by that alone. */
export async function insertAssessments(
  trx: Db,
  rows: readonly { id: string; listingId: string; revision: number; assessment: Assessment }[],
): Promise<void> {
  if (rows.length === 0) return;
  await trx
    .insertInto('assessment')
    .values(
      rows.map(({ id, listingId, revision, assessment }) => ({
        id,
        listing_id: listingId,
        revision,
        model_version: assessment.modelVersion,
        policy_version: assessment.policyVersion,
        probability: assessment.probability,
        ...assessment.elements,
        spans: JSON.stringify(assessment.spans),
        captures: JSON.stringify(assessment.captures),
        picture_matches: JSON.stringify(assessment.pictureMatches),
        verdict: assessment.verdict,
        priority: assessment.priority,
      })),
    )
    .execute();
}
