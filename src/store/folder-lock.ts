import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';

const Owner = z.object({
  host: z.string(),
  pid: z.int(),
  /** When the process began, in clock ticks since boot, so that a reused pid is not taken for it; 0 if unknown. */
  processStart: z.number(),
  since: z.string(),
  id: z.string(),
});
type Owner = z.infer<typeof Owner>;

/** A folder held by this process alone until `release`. */
export type FolderLock = { release(): Promise<void> };

const heartbeatMs = 5_000;
/** Another host's process cannot be looked up, so its silence is what tells that it is gone. */
const silenceMs = 30_000;
const settleMs = 30;

function processStart(pid: number): number {
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? '';
    return Number(afterName.split(' ')[19] ?? 0);
  } catch {
    return 0;
  }
}

function isAlive(owner: Owner, lastBeat: Date): boolean {
  if (owner.host !== hostname()) return Date.now() - lastBeat.getTime() < silenceMs;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const start = processStart(owner.pid);
  return start === 0 || owner.processStart === 0 || start === owner.processStart;
}

async function readOwner(file: string): Promise<{ owner: Owner; lastBeat: Date } | null> {
  try {
    const [text, info] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { owner: Owner.parse(JSON.parse(text)), lastBeat: info.mtime };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new AppError(
      'FOLDER_LOCK_UNREADABLE',
      500,
      `${file} cannot be read; remove it if no saring process uses the folder`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Takes an exclusive lock on a folder, since a second process that opened the same embedded database would
 * silently lose data. A lock left by a process that is dead is taken over.
 *
 * @throws AppError FOLDER_IN_USE naming the process that holds it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'saring.lock');
  const me: Owner = {
    host: hostname(),
    pid: process.pid,
    processStart: processStart(process.pid),
    since: new Date().toISOString(),
    id: randomUUID(),
  };
  const mine = `${file}.${me.id}`;
  await writeFile(mine, JSON.stringify(me));
  try {
    // A hard link appears whole or not at all and never replaces, unlike a write.
    for (let attempt = 0; ; attempt += 1) {
      try {
        await link(mine, file);
        // Someone who was removing a dead owner's lock may have moved ours away in this very moment.
        await setTimeout(settleMs);
        if ((await readOwner(file))?.owner.id === me.id) break;
        continue;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const held = await readOwner(file);
      if (held === null) continue;
      if (isAlive(held.owner, held.lastBeat) || attempt > 20) {
        throw new AppError(
          'FOLDER_IN_USE',
          409,
          `${folder} is used by process ${held.owner.pid} on ${held.owner.host} since ${held.owner.since}; ` +
            'stop it first, talk to it over HTTP, or set SARING_DATA to another folder',
        );
      }
      await removeStale(file, held.owner.id);
    }
  } finally {
    await rm(mine, { force: true });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined); // a missed beat only matters to other hosts
  }, heartbeatMs);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      await removeStale(file, me.id);
    },
  };
}

/** Removes the lock only if it is still the one that was looked at; a newer owner's is put back. */
async function removeStale(file: string, ownerId: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const taken = await readOwner(aside);
  if (taken !== null && taken.owner.id !== ownerId) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}
