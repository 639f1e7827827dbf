import { sql } from 'kysely';
import type { Db } from '../store/db.ts';
import { mostCounted } from '../store/measure-backlog.ts';

/** How much waits for people. */
export type ReviewBacklog = {
  /** Not counted past `mostCounted`. */
  waiting: number;
  /** Held by a reviewer, of the ten thousand that are claimed first. */
  claimed: number;
  /** Age of the oldest waiting review, seconds; 0 where none waits. */
  oldestSeconds: number;
};

/** Claims are made from the front of the queue, so that is where they are looked for. */
const claimsLookedFor = 10_000;

/** Measures the queue, each count from an index of waiting reviews: decided ones cost nothing. */
export async function measureReviews(db: Db): Promise<ReviewBacklog> {
  const { rows } = await sql<ReviewBacklog>`
    select
      (select count(*)::int from
        (select 1 from review where state = 'waiting' limit ${mostCounted}) as w) as waiting,
      (select count(*)::int from
        (select claim_expires_at from review where state = 'waiting'
          order by priority desc, id limit ${claimsLookedFor}) as c
        where claim_expires_at > now()) as claimed,
      coalesce((select extract(epoch from now() - min(created_at))::float8 from review
        where state = 'waiting'), 0) as "oldestSeconds"`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the reviews could not be measured');
  return row;
}
