import { type Kysely, sql } from 'kysely';

const statements = [
  // A row is written in the transaction that wrote or locked what it names; checking that again took nine tenths of its time.
  `alter table batch_item drop constraint batch_item_batch, drop constraint batch_item_listing,
    drop constraint batch_item_assessment`,
  // Nothing is found by these: assessments by their own id, and clear listings without an index, being nearly all.
  'drop index assessment_listing_id',
  'drop index listing_verdict',
  `create index listing_verdict on listing (verdict, id) where verdict <> 'clear'`,
  'alter table assessment alter column spans drop not null',
];

/** Leaves out what every listing paid for and nobody used. */
export const leanListings = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
