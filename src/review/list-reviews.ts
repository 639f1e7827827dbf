import { sql } from 'kysely';
import type { Outcome } from '../domain/review.ts';
import type { Db } from '../store/db.ts';
import { findReviews, type Review } from './review-view.ts';

/**
 * Waiting reviews in the order in which they will be claimed, or decided ones with the newest first. Of waiting
 * near-duplicates only the one in front is listed.
 *
 * @param limit most reviews to give
 */
export async function listReviews(db: Db, state: 'waiting' | 'decided', limit: number): Promise<Review[]> {
  const rows = await db
    .selectFrom('review')
    .where('state', '=', state)
    .$if(state === 'waiting', (query) =>
      query
        .where((eb) => eb.not('behind'))
        .orderBy('priority', 'desc')
        .orderBy('id'),
    )
    .$if(state === 'decided', (query) => query.orderBy('id', 'desc'))
    .limit(limit)
    .select('id')
    .execute();
  return await findReviews(
    db,
    rows.map(({ id }) => id),
    { duplicates: 0 },
  );
}

/** How full the queue is. */
export type QueueStats = {
  waiting: number;
  /** What reviewers have before them: near-duplicates that wait count once. */
  cards: number;
  /** Of the waiting ones, those with a live claim. */
  claimed: number;
  oldestWaitingSeconds: number | null;
  /** Standing decisions. */
  decided: Record<Outcome, number>;
};

/** Counts the queue now. */
export async function queueStats(db: Db): Promise<QueueStats> {
  const queue = await db
    .selectFrom('review')
    .where('state', '=', 'waiting')
    .select([
      sql<number>`count(*)::int`.as('waiting'),
      sql<number>`count(*) filter (where not behind)::int`.as('cards'),
      sql<number>`count(*) filter (where claim_expires_at > now())::int`.as('claimed'),
      sql<number | null>`extract(epoch from now() - min(created_at))::float8`.as('oldest'),
    ])
    .executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom('decision')
    .where('undone_at', 'is', null)
    .groupBy('outcome')
    .select(['outcome', sql<number>`count(*)::int`.as('count')])
    .execute();
  const decided = { confirmed: 0, dismissed: 0, escalated: 0 };
  for (const { outcome, count } of rows) decided[outcome] = count;
  const { waiting, cards, claimed, oldest } = queue;
  return { waiting, cards, claimed, oldestWaitingSeconds: oldest, decided };
}
