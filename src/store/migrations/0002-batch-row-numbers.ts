import { type Kysely, sql } from 'kysely';

const statements = [
  'alter table batch_item add column row_number integer',
  'update batch_item set row_number = -line',
  'alter table batch_item alter column row_number set not null, drop constraint batch_item_pk',
  'alter table batch_item add constraint batch_item_pk primary key (batch_id, row_number)',
  'alter table batch_problem add column row_number integer',
  'update batch_problem set row_number = -line',
  'alter table batch_problem alter column row_number set not null, drop constraint batch_problem_pk',
  'alter table batch_problem add constraint batch_problem_pk primary key (batch_id, row_number)',
];

/**
 * Tells the rows of a batch apart by their number: one line, such as a page of search results, may hold many. Rows
 * from before have their line, below zero, so that an upload that goes on never meets their numbers.
 */
export const batchRowNumbers = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
