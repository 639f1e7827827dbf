import { v7 as uuid } from 'uuid';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { cancelBatch } from '../../src/store/batch-work.ts';
import { addBatchRows, beginBatch } from '../../src/store/batches.ts';
import { addWork, failWork } from '../../src/store/work.ts';
import { runSaring } from '../e2e/service-process.ts';
import { startDistributed, startEmbedded } from './start-api.ts';

describe.each([
  ['embedded', () => startEmbedded({ PICTURES: 'off' })],
  ['PostgreSQL and Redis', () => startDistributed(7, { PICTURES: 'off' })],
] as const)('dead letters (%s)', (_name, start) => {
  test('are seen with their reason and no listing, and tried again by id, lane or all', async () => {
    const started = await start();
    onTestFinished(async () => {
      await started.api.close();
      await started.remove();
    });
    const { db } = started.api.services.store;
    const { ask } = started.api;
    const batch = await beginBatch(db, { name: 'malam', createdBy: null, idempotencyKey: null });
    await addBatchRows(db, batch.id, 0, { read: 2, problems: [] });
    const cancelled = await beginBatch(db, { name: 'batal', createdBy: null, idempotencyKey: null });
    const chunkOf = (batchId: string) => ({
      batchId,
      rows: [7, 8].map((row) => ({
        row,
        line: row,
        id: null,
        listing: { platform: 'x' as const, text: 'rahasia', imageUrls: [] },
      })),
    });
    const giveUp = async (lane: string, payload: object, batchId?: string) => {
      const id = await addWork(db, {
        lane,
        key: uuid(),
        payload,
        ...(batchId === undefined ? {} : { batchId }),
      });
      if (id === null) throw new Error('the work stood there already');
      // A worker may have it by now; then it is failed as that attempt.
      for (const attempts of [0, 1]) await failWork(db, { id, attempts }, `no luck with ${lane}`, null);
      return id;
    };
    const chunk = await giveUp('assess', chunkOf(batch.id), batch.id);
    const ended = await giveUp('assess', chunkOf(cancelled.id), cancelled.id);
    await cancelBatch(db, cancelled.id);
    const rescores = [await giveUp('rescore', { listingId: uuid() }), await giveUp('rescore', { odd: 1 })];

    const first = (await ask('batch', 'GET', '/v1/dead-letters?limit=3')).json();
    expect(first.deadLetters.map((letter: { workId: string }) => letter.workId)).toEqual([
      ...rescores.toReversed(),
      ended,
    ]);
    const second = (await ask('batch', 'GET', `/v1/dead-letters?limit=3&cursor=${first.nextCursor}`)).json();
    expect(second).toMatchObject({
      deadLetters: [
        {
          workId: chunk,
          lane: 'assess',
          batchId: batch.id,
          rows: [7, 8],
          error: 'no luck with assess',
        },
      ],
      nextCursor: null,
    });
    expect(JSON.stringify([first, second])).not.toContain('rahasia');
    expect((await ask('analyst', 'GET', '/v1/dead-letters')).statusCode).toBe(403);
    expect((await ask('batch', 'GET', '/v1/dead-letters?lane=none')).json()).toMatchObject({
      errors: [{ field: 'lane' }],
    });

    const retry = async (body: object) => (await ask('batch', 'POST', '/v1/dead-letters/retry', body)).json();
    expect(await retry({ workIds: [chunk, ended] })).toEqual({ retried: 1 });
    await vi.waitFor(async () => {
      const batchNow = (await ask('batch', 'GET', `/v1/batches/${batch.id}`)).json();
      expect(batchNow.rows.scored).toBe(2);
    }, 15_000);
    expect(await retry({ workIds: [chunk] })).toEqual({ retried: 0 });
    expect(await retry({ workIds: ['odd'] })).toMatchObject({ errors: [{ field: 'workIds[0]' }] });

    const address = await started.api.api.listen({ port: 0, host: '127.0.0.1' });
    const env = { SARING_URL: address, SARING_KEY: started.api.secrets.batch };
    const list = await runSaring(['dead-letters', 'list', '--lane', 'rescore'], { env });
    expect(list.out).toContain(rescores[0]);
    expect(list.out).toContain('no luck with rescore');
    const vague = await runSaring(['dead-letters', 'retry'], { env });
    expect(vague).toMatchObject({ code: 1, err: expect.stringContaining('--lane or --all') });
    const all = await runSaring(['dead-letters', 'retry', '--lane', 'rescore'], { env });
    expect(all).toMatchObject({ code: 0, err: expect.stringContaining('2 pieces of work') });
  }, 60_000);
});
