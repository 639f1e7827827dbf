import { sql } from 'kysely';
import type { Db } from './db.ts';

/** What of one lane is still to be done, or was given up. */
export type LaneBacklog = {
  lane: string;
  /** Pending and given-up work; neither is counted past `mostCounted`. */
  pending: number;
  failed: number;
  /** How long the oldest due work has been due, held or not, seconds; 0 where none is due. */
  oldestDueSeconds: number;
};

/** Batches whose end is still to come. */
export type BatchBacklog = {
  /** Uploads under way, or broken off by a process that was killed. */
  receiving: number;
  /** Since the oldest of these began, seconds. */
  oldestReceivingSeconds: number;
  /** Batches with rows that wait to be scored. */
  scoring: number;
};

/** A count beyond this says no more, and would cost more with every row that waits. */
export const mostCounted = 100_000;

/** Measures each lane. Every count is read from an index of waiting or given-up work, so done work costs nothing. */
export async function measureLanes(db: Db, lanes: readonly string[]): Promise<LaneBacklog[]> {
  const names = sql.join(lanes.map((lane) => sql`(${lane}::text)`));
  const { rows } = await sql<LaneBacklog>`
    select l.lane,
      (select count(*)::int from
        (select 1 from work where lane = l.lane and state = 'pending' limit ${mostCounted}) as p) as pending,
      (select count(*)::int from
        (select 1 from work where lane = l.lane and state = 'failed' limit ${mostCounted}) as f) as failed,
      coalesce((select extract(epoch from now() - min(due_at))::float8 from work
        where lane = l.lane and state = 'pending' and due_at <= now()), 0) as "oldestDueSeconds"
    from (values ${names}) as l (lane)`.execute(db);
  return rows;
}

/** Measures the batches under way. */
export async function measureBatches(db: Db): Promise<BatchBacklog> {
  const { rows } = await sql<BatchBacklog>`
    select
      (select count(*)::int from batch where state = 'receiving') as receiving,
      coalesce((select extract(epoch from now() - min(created_at))::float8 from batch
        where state = 'receiving'), 0) as "oldestReceivingSeconds",
      (select count(distinct batch_id)::int from
        (select batch_id from work where lane = 'assess' and state = 'pending' limit ${mostCounted}) as w) as scoring`.execute(
    db,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the batches could not be measured');
  return row;
}
