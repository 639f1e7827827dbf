import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { openCaptureStore } from '../../src/images/capture-store.ts';
import { sweepCaptures } from '../../src/images/sweep-captures.ts';
import { emptyFolder } from './capture-files.ts';

async function* hashes(count: number): AsyncGenerator<string> {
  for (let number = 0; number < count; number += 1)
    yield createHash('sha256').update(`${number}`).digest('hex');
}

test('a list of what is wrong ends where it is told to, its count does not', async () => {
  const store = await openCaptureStore({ kind: 'folder', folder: emptyFolder() });
  const report = await sweepCaptures(store, hashes(50), { mostNamed: 3 });
  expect(report).toMatchObject({ checked: 50, counts: { missing: 50, altered: 0, unknown: 0 } });
  expect(report.missing).toHaveLength(3);
});

test('of thousands of copies, the one that nobody expects is found', async () => {
  const known = await Array.fromAsync(hashes(5_000));
  const stranger = createHash('sha256').update('stranger').digest('hex');
  const store = {
    ...(await openCaptureStore({ kind: 'folder', folder: emptyFolder() })),
    check: async () => null,
    async *list() {
      yield* known.slice(0, 2_500);
      yield stranger;
      yield* known.slice(2_500);
    },
  };
  const report = await sweepCaptures(store, hashes(5_000));
  expect(report).toMatchObject({ checked: 5_000, missing: [], altered: [], unknown: [stranger] });
});

test('a sweep reads no more copies in a second than it may, and ends when told', async () => {
  const store = await openCaptureStore({ kind: 'folder', folder: emptyFolder() });
  const start = performance.now();
  await sweepCaptures(store, hashes(6), { perSecond: 20 });
  expect(performance.now() - start).toBeGreaterThan(240);
  const stop = new AbortController();
  const slow = sweepCaptures(store, hashes(6), { perSecond: 0.001, signal: stop.signal });
  stop.abort();
  await expect(slow).rejects.toThrow('abort');
});
