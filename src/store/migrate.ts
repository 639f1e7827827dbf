import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { firstTables } from './migrations/0001-first-tables.ts';
import { batchRowNumbers } from './migrations/0002-batch-row-numbers.ts';
import { pictures } from './migrations/0003-pictures.ts';
import { cancelledBatches } from './migrations/0004-cancelled-batches.ts';
import { turns } from './migrations/0005-turns.ts';
import { webhooks } from './migrations/0006-webhooks.ts';
import { duplicateGroups } from './migrations/0007-duplicate-groups.ts';
import { packedSpans } from './migrations/0008-packed-spans.ts';
import { measures } from './migrations/0009-measures.ts';
import { leanListings } from './migrations/0010-lean-listings.ts';
import type { Tables } from './schema.ts';

/** Every migration in order; a landed one is never changed, only followed by another. */
export const migrations = {
  '0001-first-tables': firstTables,
  '0002-batch-row-numbers': batchRowNumbers,
  '0003-pictures': pictures,
  '0004-cancelled-batches': cancelledBatches,
  '0005-turns': turns,
  '0006-webhooks': webhooks,
  '0007-duplicate-groups': duplicateGroups,
  '0008-packed-spans': packedSpans,
  '0009-measures': measures,
  '0010-lean-listings': leanListings,
};

/**
 * Brings the tables up to date. Safe when several processes start together: Kysely takes an advisory lock in
 * PostgreSQL, and an embedded folder has one process.
 *
 * @returns names of the migrations that ran now
 */
export async function migrate(db: Kysely<Tables>): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map((result) => result.migrationName);
}
