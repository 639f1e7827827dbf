import { type Kysely, sql } from 'kysely';

const statements = [
  `create index review_waiting_age on review (created_at) where state = 'waiting'`,
  `create index batch_receiving on batch (created_at) where state = 'receiving'`,
];

/** Lets what is measured be counted without a look at what is done, decided and received. */
export const measures = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
