import { type Kysely, sql } from 'kysely';

const statements = [
  `alter table batch drop constraint batch_state_known, add constraint batch_state_known
    check (state in ('receiving', 'received', 'cut', 'cancelled'))`,
  `alter table work drop constraint work_state_known, add constraint work_state_known
    check (state in ('pending', 'done', 'failed', 'cancelled'))`,
];

/** Lets batches be cancelled, and with them their work. */
export const cancelledBatches = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
