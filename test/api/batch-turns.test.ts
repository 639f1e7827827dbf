import { expect, test } from 'vitest';
import type { IntakeRow } from '../../src/intake/read-listings.ts';
import { receiveBatch } from '../../src/receive-batch.ts';
import { describeEachEngine } from '../store/each-engine.ts';

const chunks = 5;
const rowsOfChunk = 200;

async function* someRows(count: number): AsyncGenerator<IntakeRow> {
  for (let line = 1; line <= count; line += 1)
    yield { line, id: null, listing: { platform: 'x', text: 'soto ayam', imageUrls: [] } };
}

describeEachEngine('receiving a batch', (getStore) => {
  test('an upload lets others be answered after every chunk', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const upload = { name: 'turns', createdBy: null, idempotencyKey: null };
    const deps = { db: getStore().db, backlogRows: 1_000_000, ring: async () => undefined };
    await receiveBatch(someRows(chunks * rowsOfChunk), upload, deps);
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(chunks);
  });
});
