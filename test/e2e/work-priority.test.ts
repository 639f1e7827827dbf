import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, inject, onTestFinished, test } from 'vitest';
import { freshDatabase } from '../servers/postgres.ts';
import { startWorkProcess } from './service-process.ts';

/** The kernel's number of the class that gives way to every other. */
const schedIdle = 5;

/** Class and niceness of a process, as the kernel knows them (proc_pid_stat(5), field 41). */
function priorityOf(pid: number): { policy: number; nice: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return { policy: Number(fields[38]), nice: getPriority(pid) };
}

test.each([
  ['idle', true],
  ['normal', false],
] as const)('a worker whose priority is %s gives way: %s', async (priority, givesWay) => {
  const database = await freshDatabase(inject('databaseUrl'));
  const worker = await startWorkProcess({
    DATABASE_URL: database.url,
    REDIS_URL: inject('redisUrl'),
    PICTURES: 'off',
    WORK_PRIORITY: priority,
  });
  onTestFinished(async () => {
    expect(await worker.stop()).toBe(0);
    await database.drop();
  });
  const pid = Number(/"pid":(\d+)/.exec(worker.output())?.[1]);
  const { policy, nice } = priorityOf(pid);
  expect(policy === schedIdle || nice === 19).toBe(givesWay);
});
