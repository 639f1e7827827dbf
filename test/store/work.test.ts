import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createApiKey, findApiKey, revokeApiKey } from '../../src/store/api-keys.ts';
import { addBatchRows, beginBatch, endBatchUpload, findBatch } from '../../src/store/batches.ts';
import { inTransaction } from '../../src/store/db.ts';
import { findAnswer, keepAnswer } from '../../src/store/idempotency.ts';
import {
  addWork,
  addWorks,
  dropOldWork,
  failWork,
  finishWork,
  overdueWork,
  takeWork,
} from '../../src/store/work.ts';
import { describeEachEngine } from './each-engine.ts';

async function addOne(db: Parameters<typeof addWork>[0], key: string): Promise<string> {
  const id = await addWork(db, { lane: 'assess', key, payload: { n: 1 } });
  if (id === null) throw new Error('the work stood there already');
  return id;
}

describeEachEngine('work ledger', (getStore) => {
  test('work is added once for a key, taken by one, and finished once', async () => {
    const { db } = getStore();
    const id = await addOne(db, 'once');
    expect(await addWork(db, { lane: 'assess', key: 'once', payload: {} })).toBeNull();
    const takes = await Promise.all(Array.from({ length: 8 }, () => takeWork(db, id, 60_000)));
    expect(takes.filter((take) => take !== null)).toMatchObject([{ id, payload: { n: 1 }, attempts: 1 }]);
    const finishes = await Promise.all(
      Array.from({ length: 4 }, () => inTransaction(db, (trx) => finishWork(trx, id))),
    );
    expect(finishes.filter(Boolean)).toHaveLength(1);
    expect(await takeWork(db, id, 60_000)).toBeNull();
  });

  test('a lane full of older work does not hide what waits in another', async () => {
    const { db } = getStore();
    await addWorks(
      db,
      Array.from({ length: 50 }, (_, n) => ({ lane: 'capture', key: `older ${n}`, payload: {} })),
    );
    const id = await addWork(db, { lane: 'rescore', key: 'newer', payload: {} });
    expect(await overdueWork(db, 'rescore', 1)).toEqual([{ id, lane: 'rescore' }]);
    expect(await overdueWork(db, 'capture', 20)).toHaveLength(20);
  });

  test('work is forgotten a week after it was done, and no other', async () => {
    const { db } = getStore();
    const { id: batchId } = await beginBatch(db, { name: 'old', createdBy: null, idempotencyKey: null });
    const old = await addOne(db, 'done long ago');
    const recent = await addOne(db, 'done now');
    const waiting = await addOne(db, 'waits for long');
    const ofBatch = await addWork(db, { lane: 'assess', key: 'of a batch', payload: {}, batchId });
    for (const id of [old, recent, ofBatch ?? '']) await finishWork(db, id);
    await db
      .updateTable('work')
      .set({ finished_at: sql<Date>`now() - interval '8 days'` })
      .where('id', 'in', [old, waiting, ofBatch ?? ''])
      .execute();
    await dropOldWork(db);
    const left = await db.selectFrom('work').select('id').execute();
    const ids = left.map(({ id }) => id);
    expect(ids).not.toContain(old);
    expect(ids).toEqual(expect.arrayContaining([recent, waiting, ofBatch]));
  });

  test('work whose holder died is overdue when the lease ends', async () => {
    const { db } = getStore();
    const id = await addOne(db, 'dead holder');
    await takeWork(db, id, 60_000);
    const isOverdue = async () => (await overdueWork(db, 'assess', 100)).some((work) => work.id === id);
    expect(await isOverdue()).toBe(false);
    await db
      .updateTable('work')
      .set({ leased_until: sql<Date>`now() - interval '1 second'` })
      .where('id', '=', id)
      .execute();
    expect(await isOverdue()).toBe(true);
    expect(await takeWork(db, id, 60_000)).toMatchObject({ attempts: 2 });
  });

  test('failed work waits until its time, or for ever with its payload kept', async () => {
    const { db } = getStore();
    const id = await addOne(db, 'failing');
    await takeWork(db, id, 60_000);
    await failWork(db, id, 'disk full', new Date(Date.now() + 60_000));
    expect(await takeWork(db, id, 60_000)).toBeNull();
    await failWork(db, id, 'poison', null);
    const row = await db.selectFrom('work').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: 'failed', error: 'poison', payload: { n: 1 } });
  });
});

describeEachEngine('batches, keys and answers', (getStore) => {
  test('an upload that was cut goes on from the rows that are stored, and two at once are refused', async () => {
    const { db } = getStore();
    const key = await createApiKey(db, { name: 'uploader', role: 'batch' });
    const upload = { name: 'night', createdBy: key.id, idempotencyKey: 'k1' };
    const first = await beginBatch(db, upload);
    await addBatchRows(db, first.id, 0, {
      read: 3,
      problems: [
        { row: 2, line: 2, id: null, problem: 'text must not be empty' },
        { row: 3, line: 2, id: null, problem: 'text must not be empty' },
      ],
    });
    await endBatchUpload(db, first.id, 'cut');
    expect(await beginBatch(db, upload)).toEqual({ id: first.id, state: 'cut', rowsRead: 3, created: false });
    await addBatchRows(db, first.id, 3, { read: 1, problems: [] });
    await expect(addBatchRows(db, first.id, 3, { read: 1, problems: [] })).rejects.toMatchObject({
      code: 'BATCH_BUSY',
    });
    expect(await findBatch(db, first.id)).toMatchObject({
      rows: { read: 4, bad: 2, scored: 0 },
      done: false,
      problems: [{ line: 2 }, { line: 2 }],
    });
  });

  test('a key is known by its secret until it is revoked, and its name can be given again', async () => {
    const { db } = getStore();
    const key = await createApiKey(db, { name: 'rina', role: 'reviewer' });
    expect(await findApiKey(db, key.secret)).toEqual({ id: key.id, name: 'rina', role: 'reviewer' });
    expect(await findApiKey(db, `${key.secret}x`)).toBeNull();
    await expect(createApiKey(db, { name: 'rina', role: 'admin' })).rejects.toMatchObject({
      code: 'KEY_NAME_TAKEN',
    });
    await revokeApiKey(db, 'rina');
    expect(await findApiKey(db, key.secret)).toBeNull();
    await createApiKey(db, { name: 'rina', role: 'admin' });
    const stored = JSON.stringify(await db.selectFrom('api_key').selectAll().execute());
    expect(stored).not.toContain(key.secret.slice('saring_'.length));
  });

  test('of equal requests at once one answer is kept, and another request with the key is refused', async () => {
    const { db } = getStore();
    const { id: apiKeyId } = await createApiKey(db, { name: 'repeater', role: 'batch' });
    const request = { apiKeyId, key: 'k', requestHash: 'h' };
    const kept = await Promise.all(
      [1, 2, 3].map((n) =>
        inTransaction(db, (trx) => keepAnswer(trx, request, { status: 201, body: { n } })),
      ),
    );
    expect(kept.filter(Boolean)).toHaveLength(1);
    expect((await findAnswer(db, request))?.status).toBe(201);
    await expect(findAnswer(db, { ...request, requestHash: 'other' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});
