import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import type { Night } from './night.ts';

/** A night that was taken as a batch. */
export type TakenNight = { night: Night; batchId: string };

/** What is said at the end of a test. */
export type Tally = { listings: number; lost: number; double: number };

/**
 * Holds the database against what was uploaded: every row has one result or was given up, every post is one listing with
 * one assessment in force for each of its texts, every flag has one review, the counters equal the rows, and no work waits.
 *
 * @param options.givenUp rows that are expected to be given up
 * @returns what was counted; it fails unless nothing is lost and nothing double
 */
export async function expectNothingLost(
  db: Db,
  nights: readonly TakenNight[],
  { givenUp = 0 }: { givenUp?: number } = {},
): Promise<Tally> {
  let lost = 0;
  let double = 0;
  let givenUpRows = 0;
  for (const taken of nights) {
    const rows = await rowsOf(db, taken);
    lost += rows.lost;
    double += rows.double;
    givenUpRows += rows.givenUp;
    await expectCountersRight(db, taken, rows);
  }
  const stored = await countStored(db);
  double += stored.doubleAssessments + stored.doubleReviews;
  lost += stored.unassessed + stored.unreviewed;
  const posts = new Set(nights.flatMap(({ night }) => night.posts.filter((post) => post !== null)));
  // Of posts whose only row was given up there is no listing.
  lost += Math.max(0, posts.size - stored.listings - givenUpRows);
  expect({ ...stored, lost, double, givenUp: givenUpRows }).toMatchObject({
    ...{ lost: 0, double: 0, givenUp, unassessed: 0, doubleAssessments: 0, unreviewed: 0, doubleReviews: 0 },
    ...{ strangeReviews: 0, strangeItems: 0, pending: 0 },
  });
  expect(stored.listings).toBeLessThanOrEqual(posts.size);
  expect(stored.flags).toBeGreaterThan(0);
  expect(stored.revisions).toBe(stored.assessments - stored.listings);
  return { listings: stored.listings, lost, double };
}

type Rows = {
  lost: number;
  double: number;
  scored: number;
  flagged: number;
  bad: number;
  givenUp: number;
  strange: number;
};

/** Every row of a batch with what became of it; given up rows stand in the work that failed. */
async function rowsOf(db: Db, { night, batchId }: TakenNight): Promise<Rows> {
  const posts = night.posts;
  return await one<Rows>(
    db,
    sql`with sent as (
        select row_number, nullif(post, '') as post
        from unnest(${posts.map((post) => post ?? '')}::text[]) with ordinality as row(post, row_number)),
      become as (
        select row_number, 'scored' as kind, row_id, assessment_id from batch_item where batch_id = ${batchId}
        union all select row_number, 'bad', row_id, null from batch_problem where batch_id = ${batchId}
        union all select (row ->> 'row')::int, 'given up', row ->> 'id', null
          from work, json_array_elements(payload -> 'rows') as row
          where batch_id = ${batchId} and state = 'failed'),
      counted as (select row_number, count(*) as times from become group by row_number)
      select
        (select count(*) from sent left join counted using (row_number) where times is null)::int as lost,
        (select coalesce(sum(times - 1), 0) from counted)::int as double,
        (select count(*) from become where kind = 'scored')::int as scored,
        (select count(*) from become join assessment on assessment.id = assessment_id
          where assessment.verdict = 'flag')::int as flagged,
        (select count(*) from become where kind = 'bad')::int as bad,
        (select count(*) from become where kind = 'given up')::int as "givenUp",
        (select count(*) from become left join sent using (row_number) where sent.row_number is null
          or (kind <> 'bad' and row_id is distinct from post) or (kind = 'bad' and post is not null))::int as strange`,
  );
}

async function expectCountersRight(db: Db, { night, batchId }: TakenNight, rows: Rows): Promise<void> {
  const batch = await db
    .selectFrom('batch')
    .where('id', '=', batchId)
    .select(['name', 'state', 'rows_read', 'rows_bad', 'rows_scored', 'rows_flagged'])
    .executeTakeFirstOrThrow();
  expect({ ...batch, strange: rows.strange }).toEqual({
    name: night.name,
    state: 'received',
    rows_read: night.posts.length,
    rows_bad: night.posts.filter((post) => post === null).length,
    rows_scored: rows.scored,
    rows_flagged: rows.flagged,
    strange: 0,
  });
  expect(rows.bad).toBe(batch.rows_bad);
}

type Stored = {
  listings: number;
  assessments: number;
  revisions: number;
  flags: number;
  unassessed: number;
  doubleAssessments: number;
  unreviewed: number;
  doubleReviews: number;
  strangeReviews: number;
  strangeItems: number;
  pending: number;
};

/** Counts over all tables; the names that begin with a fault are to be zero. */
async function countStored(db: Db): Promise<Stored> {
  return await one<Stored>(
    db,
    sql`with flagged as (
        select listing.id, count(review.id) as reviews
        from listing left join review on review.listing_id = listing.id
        where listing.verdict = 'flag' group by listing.id)
      select
        (select count(*) from listing)::int as listings,
        (select count(*) from assessment)::int as assessments,
        (select count(*) from listing_revision)::int as revisions,
        (select count(*) from flagged)::int as flags,
        (select count(*) from listing left join assessment on assessment.id = listing.assessment_id
          and assessment.listing_id = listing.id and assessment.revision = listing.revision
          and assessment.verdict = listing.verdict and assessment.probability = listing.probability
          where assessment.id is null)::int as unassessed,
        (select count(*) - count(distinct (listing_id, revision)) from assessment)::int as "doubleAssessments",
        (select count(*) from flagged where reviews = 0)::int as unreviewed,
        (select coalesce(sum(reviews - 1), 0) from flagged where reviews > 1)::int as "doubleReviews",
        (select count(*) from review join listing on listing.id = review.listing_id
          where listing.verdict <> 'flag' or review.revision <> listing.revision
          or review.assessment_id <> listing.assessment_id)::int as "strangeReviews",
        (select count(*) from batch_item join listing on listing.id = batch_item.listing_id
          join assessment on assessment.id = batch_item.assessment_id
          where listing.post_id <> batch_item.row_id or assessment.listing_id <> listing.id)::int as "strangeItems",
        (select count(*) from work where state = 'pending')::int as pending`,
  );
}

async function one<Row>(db: Db, query: ReturnType<typeof sql<Row>>): Promise<Row> {
  const { rows } = await query.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the query gave nothing');
  return row;
}
