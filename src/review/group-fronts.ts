import { sql } from 'kysely';
import type { Db } from '../store/db.ts';

/**
 * Takes the groups' row locks, in the caller's transaction: whoever moves reviews into, out of or within a group has
 * its lock first, and before that of any review, so that two of them neither wait for each other nor both find a
 * group without a front. Claims take none, since they move nothing.
 */
export async function lockGroups(trx: Db, groupIds: Iterable<string | null>): Promise<string[]> {
  const ids = [...new Set(groupIds)].filter((id) => id !== null);
  if (ids.length === 0) return [];
  await sql`
    select id from duplicate_group where id = any(${array(ids)}::uuid[]) order by id for no key update
  `.execute(trx);
  return ids;
}

/** The priorities of the reviews that wait in front of the groups, by group. */
export async function frontPriorities(trx: Db, groupIds: readonly string[]): Promise<Map<string, number>> {
  if (groupIds.length === 0) return new Map();
  const { rows } = await sql<{ id: string; priority: number }>`
    select duplicate_group_id as id, priority from review
    where duplicate_group_id = any(${array(groupIds)}::uuid[]) and state = 'waiting' and not behind
  `.execute(trx);
  return new Map(rows.map(({ id, priority }) => [id, priority]));
}

/**
 * Puts groups in order whose locks the caller has: where reviews wait and none is in front, the one of the highest
 * priority, of equal ones the oldest, comes to the front; and a front has at least the priority of those behind it.
 */
export async function settleGroups(trx: Db, groupIds: readonly string[]): Promise<void> {
  if (groupIds.length === 0) return;
  const first = sql`
    unnest(${array(groupIds)}::uuid[]) as wanted (id)
    cross join lateral (
      select id, priority from review where duplicate_group_id = wanted.id and behind
      order by priority desc, id limit 1
    ) as first
  `;
  await sql`
    update review set behind = false from ${first}
    where review.id = first.id and not exists (
      select from review as front
      where front.duplicate_group_id = wanted.id and front.state = 'waiting' and not front.behind
    )
  `.execute(trx);
  await sql`
    update review set priority = first.priority from ${first}
    where review.duplicate_group_id = wanted.id and review.state = 'waiting' and not review.behind
      and review.priority < first.priority
  `.execute(trx);
}

/** Ids as both engines take a list: as PostgreSQL writes an array. */
function array(ids: readonly string[]): string {
  return `{${ids.join(',')}}`;
}
