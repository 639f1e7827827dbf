import { type Kysely, sql } from 'kysely';

const statements = [
  // A chunk is written once, read once and dropped: taking it apart and packing it would cost more than it saves.
  'alter table work alter column payload type json, alter column payload set storage external',
  'alter table work add column turn integer not null default 0',
  'alter table work add column abandoned integer not null default 0',
  'alter table batch add column turn integer not null default 0',
  'drop index work_pending',
  `create index work_pending on work (lane, turn, due_at) where state = 'pending'`,
  `create index work_failed on work (id) where state = 'failed'`,
  `create index work_batch_pending on work (batch_id) where state = 'pending'`,
];

/** Says in which order waiting work is taken, so that batches share the workers, and how often a taker of it ended; finds work that was given up. */
export const turns = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
