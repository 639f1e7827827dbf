import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { createBullmqQueue } from '../../src/queue/bullmq-queue.ts';
import { createInProcessQueue } from '../../src/queue/in-process-queue.ts';
import { type Bell, byLane, type JobQueue } from '../../src/queue/job-queue.ts';

const kinds = [
  ['in process', async (onError: (error: unknown) => void) => createInProcessQueue({ onError })],
  [
    'bullmq',
    (onError: (error: unknown) => void) =>
      createBullmqQueue({ redisUrl: inject('redisUrl'), prefix: crypto.randomUUID(), onError }),
  ],
] as const;

function bells(count: number): Bell[] {
  return Array.from({ length: count }, (_, n) => ({ lane: 'assess', workId: `w${n}` }));
}

describe.each(kinds)('job queue (%s)', (_kind, create) => {
  const open: JobQueue[] = [];
  async function openQueue(onError: (error: unknown) => void = () => undefined): Promise<JobQueue> {
    const queue = await create(onError);
    open.push(queue);
    return queue;
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((queue) => queue.close()));
  });

  test('answers every bell, also those rung before anyone listens', async () => {
    const queue = await openQueue();
    await queue.ring(bells(5));
    expect(await queue.depth()).toMatchObject({ assess: 5, upkeep: 0 });
    const heard = new Set<string>();
    await queue.listen(async ({ workId }) => void heard.add(workId), { concurrency: 2 });
    await queue.ring([...bells(20), { lane: 'upkeep', workId: 'u' }]);
    await vi.waitFor(() => expect(heard.size).toBe(21), 10_000);
    await vi.waitFor(async () => expect(await queue.depth()).toEqual(byLane(() => 0)), 10_000);
  });

  test('rings again for the same work after it was answered', async () => {
    const queue = await openQueue();
    let count = 0;
    await queue.listen(
      async () => {
        count += 1;
      },
      { concurrency: 1 },
    );
    for (let turn = 1; turn <= 3; turn += 1) {
      await queue.ring(bells(1));
      await vi.waitFor(() => expect(count).toBe(turn), 10_000);
      await vi.waitFor(async () => expect((await queue.depth()).assess).toBe(0), 10_000);
    }
  });

  test('a handler that throws is heard of and stops no other', async () => {
    const errors: unknown[] = [];
    const queue = await openQueue((error) => errors.push(error));
    const heard: string[] = [];
    await queue.listen(
      async ({ workId }) => {
        if (workId === 'w1') throw new Error('poison');
        heard.push(workId);
      },
      { concurrency: 1 },
    );
    await queue.ring(bells(4));
    await vi.waitFor(() => expect([heard.length, errors.length]).toEqual([3, 1]), 10_000);
  });

  test('never handles more at once than it may', async () => {
    const queue = await openQueue();
    let running = 0;
    let most = 0;
    let done = 0;
    await queue.listen(
      async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        done += 1;
      },
      { concurrency: 3 },
    );
    await queue.ring(bells(40));
    await vi.waitFor(() => expect(done).toBe(40), 10_000);
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
  });

  test('close waits for work in hand, and aborts it when the grace is over', async () => {
    const queue = await create(() => undefined);
    const started = Promise.withResolvers<void>();
    let ended = '';
    await queue.listen(
      async (_bell, signal) => {
        started.resolve();
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        ended = 'aborted';
      },
      { concurrency: 1 },
    );
    await queue.ring(bells(1));
    await started.promise;
    await queue.close({ graceMs: 50 });
    expect(ended).toBe('aborted');
  });
});
