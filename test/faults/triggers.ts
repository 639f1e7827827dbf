import { sql } from 'kysely';
import type { Db } from '../../src/store/db.ts';

/** Has PostgreSQL do something before it stores a listing whose text holds a word. */
export async function beforeStoring(db: Db, word: string, statement: string): Promise<void> {
  await sql
    .raw(
      `create or replace function before_storing() returns trigger language plpgsql as $$
      begin
        if new.text like '%${word}%' then ${statement}; end if;
        return new;
      end $$`,
    )
    .execute(db);
  await sql`create or replace trigger before_storing before insert on listing
    for each row execute function before_storing()`.execute(db);
}

/** Stores whatever comes again. */
export async function storeAgain(db: Db): Promise<void> {
  await sql`drop trigger before_storing on listing`.execute(db);
}
