import { Kysely, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { v7 as uuid } from 'uuid';
import { expect, inject, onTestFinished, test } from 'vitest';
import { migrate, migrations } from '../../src/store/migrate.ts';
import type { Tables } from '../../src/store/schema.ts';
import { unpackSpans } from '../../src/store/spans.ts';
import { freshDatabase } from '../servers/postgres.ts';

test('spans that were stored as objects are packed', async () => {
  const database = await freshDatabase(inject('databaseUrl'));
  const pool = new pg.Pool({ connectionString: database.url });
  // Its connections are cut with the database, some before they have said goodbye.
  pool.on('error', () => undefined);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  onTestFinished(async () => {
    await db.destroy();
    await database.drop();
  });
  const before = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  expect((await before.migrateTo('0004-cancelled-batches')).error).toBeUndefined();
  const listingId = uuid();
  await sql`insert into listing (id, platform, text, image_urls, revision) values (${listingId}, 'x', 'bal', '[]', 1)`.execute(
    db,
  );
  const old = [
    { start: 3, end: 4, element: 'used', weight: -0.125 },
    { start: 0, end: 2, element: 'clothing', weight: 1.5 },
    { start: 5, end: 9, element: 'used', weight: 2, picture: 3 },
  ];
  for (const spans of [old, []])
    await sql`insert into assessment (id, listing_id, revision, model_version, policy_version, probability, clothing, used,
      imported, offered, bulk, spans, verdict, priority) values (${uuid()}, ${listingId}, 1, 'm', 'p', 0, 0, 0, 0, 0, 0,
      ${JSON.stringify(spans)}, 'clear', 0)`.execute(db);
  await migrate(db);
  const rows = await db.selectFrom('assessment').orderBy('id').select('spans').execute();
  expect(rows.map(({ spans }) => unpackSpans(spans ?? {}))).toEqual([[old[1], old[0], old[2]], []]);
});
