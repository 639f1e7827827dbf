import { expect, onTestFinished, test, vi } from 'vitest';
import { addWork } from '../../src/store/work.ts';
import { startEmbedded } from './start-api.ts';

test('while too many rows wait, a batch is refused before it is read, with a time to come again', async () => {
  const { api, remove } = await startEmbedded({ PICTURES: 'off', BATCH_BACKLOG_ROWS: '200' });
  onTestFinished(async () => {
    await api.close();
    await remove();
  });
  const { db } = api.services.store;
  const send = (key: string) =>
    api.ask('batch', 'POST', '/v1/batches', '{"text": "bal import"}\n', {
      'content-type': 'application/x-ndjson',
      'idempotency-key': key,
    });
  expect((await send('first')).statusCode).toBe(202);
  // Work that cannot be done waits between its tries.
  await addWork(db, { lane: 'assess', key: 'full', payload: {} });
  const refused = await send('second');
  expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '60']);
  expect(refused.json()).toMatchObject({
    code: 'BACKLOG_FULL',
    detail: expect.stringContaining('about 200 rows wait'),
  });
  // What was taken before is answered as it was.
  expect((await send('first')).statusCode).toBe(202);
  expect(await db.selectFrom('batch').select('idempotency_key').execute()).toEqual([
    { idempotency_key: 'first' },
  ]);
  await db.updateTable('work').set({ state: 'failed' }).where('key', '=', 'full').execute();
  await vi.waitFor(async () => expect((await send('second')).statusCode).toBe(202), 10_000);
});
