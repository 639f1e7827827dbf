import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveToServer } from './server-process.ts';

/** A small file system of its own, in memory. */
export type SmallDisk = {
  folder: string;
  /** Takes all the room there is. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  unmount(): Promise<void>;
};

const pieceBytes = 64 * 1024;

/** Nobody may mount anything here. Its message says what a container must allow. */
export class NoSmallDiskError extends Error {
  override name = 'NoSmallDiskError';
}

/**
 * Mounts a file system of `mib` MiB on a new folder: as root, or in a name space of its own where users may have one.
 *
 * @throws NoSmallDiskError where neither may be done
 */
export async function mountSmallDisk(folder: string, mib: number): Promise<SmallDisk> {
  mkdirSync(folder);
  const mount = ['-t', 'tmpfs', '-o', `size=${mib}m,mode=0755`, 'tmpfs', folder];
  try {
    execFileSync('mount', mount, { stdio: 'pipe' });
  } catch (error) {
    return await mountApart(folder, mount, error);
  }
  giveToServer(folder);
  return disk(folder, async () => void execFileSync('umount', [folder]));
}

/** Mounts where only a process that holds the name space sees it, and we through that process. */
async function mountApart(folder: string, mount: string[], refusal: unknown): Promise<SmallDisk> {
  const script = 'mount "$@" && echo mounted && exec cat';
  const holder = spawn('unshare', ['-Urm', 'sh', '-c', script, 'sh', ...mount], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const errors: Buffer[] = [];
  holder.stderr.on('data', (text: Buffer) => errors.push(text));
  const answer = await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'close'),
    once(holder, 'error'),
  ]);
  if (String(answer[0]).trim() !== 'mounted') {
    throw new NoSmallDiskError(
      `no small disk can be made here (mount: ${firstLine(refusal)}; unshare: ${firstLine(Buffer.concat(errors))}): run the tests as root with CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN --security-opt apparmor=unconfined) or where users may have name spaces (sysctl kernel.unprivileged_userns_clone=1)`,
    );
  }
  return disk(join(`/proc/${holder.pid}/root`, folder), () => end(holder));
}

async function end(holder: ChildProcess): Promise<void> {
  const exit = once(holder, 'exit');
  holder.stdin?.end();
  await exit;
}

function firstLine(words: unknown): string {
  return String(words).trim().split('\n').at(-1) ?? '';
}

function disk(folder: string, unmount: () => Promise<void>): SmallDisk {
  const ballast = join(folder, 'ballast');
  return {
    folder,
    unmount,
    fill() {
      const piece = Buffer.alloc(pieceBytes);
      for (;;) {
        const { bavail, bsize } = statfsSync(folder);
        const room = Math.min(bavail * bsize, pieceBytes);
        if (room === 0) return;
        try {
          writeFileSync(ballast, piece.subarray(0, room), { flag: 'a' });
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
          return;
        }
      }
    },
    free() {
      truncateSync(ballast);
      rmSync(ballast);
    },
  };
}
