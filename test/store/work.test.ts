import { type RawBuilder, sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { createApiKey, findApiKey, revokeApiKey } from '../../src/store/api-keys.ts';
import { addBatchRows, beginBatch, endBatchUpload, findBatch } from '../../src/store/batches.ts';
import { type Db, inTransaction } from '../../src/store/db.ts';
import { findAnswer, keepAnswer } from '../../src/store/idempotency.ts';
import {
  addWork,
  addWorks,
  dropOldWork,
  failWork,
  finishWork,
  overdueWork,
  renewWork,
  takeWork,
} from '../../src/store/work.ts';
import { describeEachEngine } from './each-engine.ts';

/** Adds one piece of work to a lane that is its alone. */
async function addOne(db: Db, lane: string): Promise<string> {
  const id = await addWork(db, { lane, key: 'one', payload: { n: 1 } });
  if (id === null) throw new Error('the work stood there already');
  return id;
}

describeEachEngine('work ledger', (getStore) => {
  test('work is added once for a key, taken by one, and finished once', async () => {
    const { db } = getStore();
    const id = await addOne(db, 'once');
    expect(await addWork(db, { lane: 'once', key: 'one', payload: {} })).toBeNull();
    const takes = await Promise.all(Array.from({ length: 8 }, () => takeWork(db, 'once', 60_000)));
    expect(takes.filter((take) => take !== null)).toMatchObject([{ id, payload: { n: 1 }, attempts: 1 }]);
    const finishes = await Promise.all(
      Array.from({ length: 4 }, () => inTransaction(db, (trx) => finishWork(trx, id))),
    );
    expect(finishes.filter(Boolean)).toHaveLength(1);
    expect(await takeWork(db, 'once', 60_000)).toBeNull();
  });

  test('a lane full of older work does not hide what waits in another', async () => {
    const { db } = getStore();
    await addWorks(
      db,
      Array.from({ length: 50 }, (_, n) => ({ lane: 'capture', key: `older ${n}`, payload: {} })),
    );
    const id = await addWork(db, { lane: 'rescore', key: 'newer', payload: {} });
    expect(await overdueWork(db, 'rescore', 1)).toEqual([id]);
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

  test('work whose holder died can be taken when the lease ends, which is counted', async () => {
    const { db } = getStore();
    const lane = 'dead holder';
    const id = await addOne(db, lane);
    await takeWork(db, lane, 60_000);
    expect(await overdueWork(db, lane, 100)).toEqual([]);
    expect(await takeWork(db, lane, 60_000)).toBeNull();
    await setTimes(db, id, { leased_until: sql`now() - interval '1 second'` });
    expect(await overdueWork(db, lane, 100)).toEqual([id]);
    expect(await takeWork(db, lane, 60_000)).toMatchObject({ attempts: 2, abandoned: 1 });
  });

  test('a clock that was an hour ahead for a while holds no work back', async () => {
    const { db } = getStore();
    const due = await addOne(db, 'written ahead');
    await setTimes(db, due, {
      created_at: sql`now() + interval '1 hour'`,
      due_at: sql`now() + interval '1 hour'`,
    });
    expect(await takeWork(db, 'written ahead', 60_000)).toMatchObject({ id: due });
    await failWork(db, { id: due, attempts: 1 }, 'waits as long as any other', 60_000);
    expect(await takeWork(db, 'written ahead', 60_000)).toBeNull();
    const leased = await addOne(db, 'taken ahead');
    await takeWork(db, 'taken ahead', 60_000);
    await setTimes(db, leased, { leased_until: sql`now() + interval '1 hour'` });
    expect(await takeWork(db, 'taken ahead', 60_000)).toMatchObject({ id: leased });
  });

  test('failed work waits until its time, or for ever with its payload kept', async () => {
    const { db } = getStore();
    const id = await addOne(db, 'failing');
    const taken = { id, attempts: 1 };
    expect(await takeWork(db, 'failing', 60_000)).toMatchObject({ ...taken, abandoned: 0 });
    await failWork(db, taken, 'disk full', 60_000);
    expect(await takeWork(db, 'failing', 60_000)).toBeNull();
    await failWork(db, taken, 'poison', null);
    const row = await db.selectFrom('work').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: 'failed', error: 'poison', payload: { n: 1 } });
  });

  test('who was too slow can neither prolong nor fail what another has taken since', async () => {
    const { db } = getStore();
    const id = await addOne(db, 'slow');
    await takeWork(db, 'slow', 1);
    const other = await vi.waitFor(async () => {
      const taken = await takeWork(db, 'slow', 60_000);
      expect(taken).not.toBeNull();
      return taken;
    });
    expect(other).toMatchObject({ id, attempts: 2 });
    expect(await renewWork(db, { id, attempts: 1 }, 60_000)).toBe(false);
    await failWork(db, { id, attempts: 1 }, 'slow', null);
    const row = await db.selectFrom('work').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: 'pending', error: null });
    expect(await renewWork(db, { id, attempts: 2 }, 60_000)).toBe(true);
  });
});

/** Sets times of a piece of work to what the database reckons. */
async function setTimes(db: Db, id: string, times: Record<string, RawBuilder<unknown>>): Promise<void> {
  const set = Object.entries(times).map(([column, time]) => sql`${sql.ref(column)} = ${time}`);
  await sql`update work set ${sql.join(set)} where id = ${id}`.execute(db);
}

describeEachEngine('turns', (getStore) => {
  test('a small batch behind a huge one has every second turn, and what somebody waits for comes first', async () => {
    const { db } = getStore();
    const begin = async (name: string) =>
      (await beginBatch(db, { name, createdBy: null, idempotencyKey: null })).id;
    const rowsOf = new Map<string, number>();
    const send = async (batchId: string, chunks: number) => {
      for (let n = 0; n < chunks; n += 1) {
        const before = rowsOf.get(batchId) ?? 0;
        const turn = await addBatchRows(db, batchId, before, { read: 1, problems: [] });
        await addWork(db, { lane: 'assess', key: `${batchId} ${before}`, payload: {}, batchId, turn });
        rowsOf.set(batchId, before + 1);
      }
    };
    const take = async () => {
      const work = await takeWork(db, 'assess', 60_000);
      if (work === null) return null;
      await finishWork(db, work.id);
      const row = await db.selectFrom('work').selectAll().where('id', '=', work.id).executeTakeFirstOrThrow();
      return row.batch_id;
    };
    const huge = await begin('huge');
    await send(huge, 20);
    for (let n = 0; n < 5; n += 1) expect(await take()).toBe(huge);
    const small = await begin('small');
    await send(small, 3);
    await addWork(db, { lane: 'assess', key: 'urgent', payload: {} });
    expect(await take()).toBeNull();
    const order = [];
    for (let n = 0; n < 6; n += 1) order.push(await take());
    expect(order.filter((id) => id === small)).toHaveLength(3);
    // A batch that had its share long ago is not made to wait for it by one that comes later.
    for (let n = 0; n < 12; n += 1) expect(await take()).toBe(huge);
    const late = await begin('late');
    await send(late, 10);
    await send(huge, 1);
    expect(new Set([await take(), await take()])).toEqual(new Set([late, huge]));
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
