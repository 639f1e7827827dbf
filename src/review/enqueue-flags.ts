import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Db } from '../store/db.ts';
import { frontPriorities, lockGroups, settleGroups } from './group-fronts.ts';

/** A flagged revision of a listing, with the assessment that flagged it. */
export type Flag = { listingId: string; revision: number; assessmentId: string; priority: number };

/** A flag with the group of its text. */
type GroupedFlag = Flag & { groupId: string | null };

/**
 * Queues flags for review, in the caller's transaction, each listing at most once in `flags`. There is one review
 * for each revision of a listing:
 * - a waiting review of an older revision moves to the new one, and to the group of the new text; a claim on it ends,
 *   since the reviewer looked at another text, and its token goes stale;
 * - the same revision again only brings a waiting, unclaimed review up to date with a newer assessment;
 * - a revision that was decided stays decided.
 *
 * Of the waiting reviews of a group of near-duplicates one is in front; new ones stand behind it.
 *
 * The caller holds the listings' row locks (saveListings takes them), so no two calls race for one listing.
 */
export async function enqueueFlags(trx: Db, flags: readonly Flag[]): Promise<void> {
  if (flags.length === 0) return;
  const { byListing, groups } = await withGroups(trx, flags);
  await lockGroups(trx, groups);
  const known = await trx
    .selectFrom('review')
    .where('listing_id', 'in', [...byListing.keys()])
    .select(['id', 'listing_id', 'revision', 'state', 'assessment_id', 'duplicate_group_id'])
    .orderBy('id')
    .forUpdate()
    .execute();
  const fresh = new Map(byListing);
  const changed = new Set<string>();
  for (const review of known) {
    const flag = byListing.get(review.listing_id);
    if (flag === undefined) continue;
    const groupId = review.duplicate_group_id;
    const moved = groupId !== flag.groupId;
    if (review.revision === flag.revision) {
      fresh.delete(flag.listingId);
      if (review.state !== 'waiting' || (!moved && review.assessment_id === flag.assessmentId)) continue;
      await refresh(trx, review.id, flag, moved);
    } else if (review.state === 'waiting' && review.revision < flag.revision) {
      fresh.delete(flag.listingId);
      await moveOn(trx, review.id, flag, moved);
    } else continue;
    for (const id of [groupId, flag.groupId]) if (id !== null) changed.add(id);
  }
  for (const groupId of await insertFresh(trx, [...fresh.values()])) changed.add(groupId);
  await settleGroups(trx, [...changed]);
}

/** The flags with the groups of their texts, and every group that they or the listings' earlier reviews belong to. */
async function withGroups(
  trx: Db,
  flags: readonly Flag[],
): Promise<{ byListing: Map<string, GroupedFlag>; groups: Set<string | null> }> {
  const rows = await trx
    .selectFrom('listing')
    .leftJoin('review', 'review.listing_id', 'listing.id')
    .where(
      'listing.id',
      'in',
      flags.map(({ listingId }) => listingId),
    )
    .select(['listing.id', 'listing.duplicate_group_id', 'review.duplicate_group_id as reviewed_in'])
    .execute();
  const groupOf = new Map(rows.map((row) => [row.id, row.duplicate_group_id]));
  return {
    byListing: new Map(
      flags.map((flag) => [flag.listingId, { ...flag, groupId: groupOf.get(flag.listingId) ?? null }]),
    ),
    groups: new Set(rows.flatMap((row) => [row.duplicate_group_id, row.reviewed_in])),
  };
}

/** Answers the groups in which a new review stands behind one of lower priority. */
async function insertFresh(trx: Db, flags: readonly GroupedFlag[]): Promise<Set<string>> {
  const unsettled = new Set<string>();
  if (flags.length === 0) return unsettled;
  const groupIds = flags.flatMap(({ groupId }) => groupId ?? []);
  const fronts = await frontPriorities(trx, groupIds);
  const rows = flags.map((flag) => {
    const front = flag.groupId === null ? undefined : fronts.get(flag.groupId);
    if (flag.groupId !== null) {
      if (front === undefined) fronts.set(flag.groupId, flag.priority);
      else if (front < flag.priority) unsettled.add(flag.groupId);
    }
    return {
      id: uuid(),
      listing_id: flag.listingId,
      revision: flag.revision,
      assessment_id: flag.assessmentId,
      state: 'waiting' as const,
      priority: flag.priority,
      duplicate_group_id: flag.groupId,
      behind: front !== undefined,
      claimed_by: null,
    };
  });
  await trx.insertInto('review').values(rows).execute();
  return unsettled;
}

/** What changes when a review comes to another group: it stands behind until the group is put in order. */
function inGroup({ groupId }: GroupedFlag, moved: boolean) {
  return moved ? { duplicate_group_id: groupId, behind: groupId !== null } : {};
}

async function refresh(trx: Db, reviewId: string, flag: GroupedFlag, moved: boolean): Promise<void> {
  await trx
    .updateTable('review')
    .set({ assessment_id: flag.assessmentId, priority: flag.priority, ...inGroup(flag, moved) })
    .where('id', '=', reviewId)
    .where((eb) =>
      eb.or([eb('claim_expires_at', 'is', null), eb('claim_expires_at', '<=', sql<Date>`clock_timestamp()`)]),
    )
    .execute();
}

async function moveOn(trx: Db, reviewId: string, flag: GroupedFlag, moved: boolean): Promise<void> {
  await trx
    .updateTable('review')
    .set((eb) => ({
      revision: flag.revision,
      assessment_id: flag.assessmentId,
      priority: flag.priority,
      ...inGroup(flag, moved),
      claimed_by: null,
      claim_expires_at: null,
      claim_token: eb('claim_token', '+', 1),
    }))
    .where('id', '=', reviewId)
    .execute();
}
