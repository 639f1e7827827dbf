import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { inTransaction, type Store } from '../../src/store/db.ts';
import { saveListings } from '../../src/store/save-listings.ts';
import { openTestDatabase } from './each-engine.ts';
import { anAssessed } from './make-listings.ts';

let store: Store;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ store, remove } = await openTestDatabase());
});
afterAll(() => remove());

test('two processes that save the same new text of a post at the same time leave one assessment of it', async () => {
  const save = (text: string) => [anAssessed({ platform: 'x', postId: 'p', text })];
  await inTransaction(store.db, (trx) => saveListings(trx, save('bal segel')));
  const first = Promise.withResolvers<void>();
  const saved = Promise.withResolvers<void>();
  const holding = inTransaction(store.db, async (trx) => {
    await saveListings(trx, save('bal segel, kini 75k'));
    saved.resolve();
    await first.promise;
  });
  await saved.promise;
  const waiting = inTransaction(store.db, (trx) => saveListings(trx, save('bal segel, kini 75k')));
  await vi.waitFor(async () => {
    const { rows } = await sql`select from pg_locks where not granted`.execute(store.db);
    expect(rows).toHaveLength(1);
  });
  first.resolve();
  await holding;
  const [result] = await waiting;
  const assessments = await store.db
    .selectFrom('assessment')
    .select(['id', 'revision'])
    .orderBy('id')
    .execute();
  expect(assessments.map(({ revision }) => revision)).toEqual([1, 2]);
  expect(result).toMatchObject({ revision: 2, assessmentId: assessments[1]?.id });
});
