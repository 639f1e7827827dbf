import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createBullmqQueue } from '../../src/queue/bullmq-queue.ts';
import { startRedis } from '../servers/redis.ts';
import { giveToServer, type ServerProcess } from '../servers/server-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'saring-redis-'));
let redis: ServerProcess;
beforeAll(async () => {
  giveToServer(folder);
  redis = await startRedis(folder);
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function queueWithWorkInHand() {
  const queue = await createBullmqQueue({
    redisUrl: redis.url,
    prefix: crypto.randomUUID(),
    onError: () => undefined,
  });
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const answered: string[] = [];
  await queue.listen(
    async ({ workId }) => {
      started.resolve();
      await finish.promise;
      answered.push(workId);
    },
    { concurrency: 1 },
  );
  await queue.ring([{ lane: 'assess', workId: 'w' }]);
  await started.promise;
  return { queue, finish, answered };
}

test('close ends after the work in hand when Redis dies under it', async () => {
  const { queue, finish, answered } = await queueWithWorkInHand();
  const closing = queue.close();
  await redis.kill();
  finish.resolve();
  await closing;
  expect(answered).toEqual(['w']);
  await redis.start();
});

test('close ends when Redis freezes under it and never answers', async () => {
  const { queue, finish, answered } = await queueWithWorkInHand();
  redis.freeze();
  const closing = queue.close();
  finish.resolve();
  await closing;
  expect(answered).toEqual(['w']);
  redis.thaw();
});

test('work is answered again once a Redis that was restarted empty is back', async () => {
  const { queue, finish, answered } = await queueWithWorkInHand();
  finish.resolve();
  await redis.kill();
  await redis.start();
  await vi.waitFor(() => queue.ring([{ lane: 'assess', workId: 'later' }]), 10_000);
  await vi.waitFor(() => expect(answered).toContain('later'), 10_000);
  await queue.close();
});
