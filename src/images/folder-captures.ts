import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, opendir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../domain/app-error.ts';
import { CaptureAlteredError, CaptureMissingError } from './capture-errors.ts';
import { largestCaptureBytes } from './capture-limit.ts';
import type { CaptureStore } from './capture-store.ts';
import { capturePath, isSha256, sha256Of, sha256OfStream } from './sha256.ts';

/** Nobody writes one file for an hour, so what is older was left by a process that was killed. */
const leftoverMs = 60 * 60 * 1000;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What the operating system said, as what to do about it. */
function explain(error: unknown, folder: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `no space is left for pictures in ${folder}: free some, or move the folder to a larger disk`;
    return new AppError('CAPTURES_FULL', 507, message, { cause: error });
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOTSUP', 'EOPNOTSUPP'].includes(code)) {
    const message = `pictures cannot be kept in ${folder} (${code}): it must be a folder that this user may write, on a file system with hard links`;
    return new AppError('CAPTURES_UNAVAILABLE', 503, message, { cause: error });
  }
  return error;
}

/** A file's name is as safe as its bytes only when its folder was synced too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Removes what killed processes were writing. */
async function removeLeftovers(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const file = join(incoming, name);
    const since = await stat(file).catch(() => null); // finished by its writer in this moment
    if (since !== null && Date.now() - since.mtimeMs > leftoverMs) await rm(file, { force: true });
  }
}

/** Names in a folder, read piece by piece. */
async function* namesIn(folder: string, wanted: (name: string) => boolean): AsyncGenerator<string> {
  for await (const { name } of await opendir(folder)) if (wanted(name)) yield name;
}

const isFanOut = (name: string) => /^[0-9a-f]{2}$/.test(name);

/**
 * Keeps copies as read-only files `ab/cd/abcd…` below a folder, which any number of processes may share.
 *
 * A copy is written and fsynced in the subfolder `incoming` and then given its name by a hard link, which appears
 * whole or not at all and never replaces. One subfolder for all, so that what a killed process left there is
 * found at the next start without walking 65,536 folders; it is removed when it is an hour old.
 *
 * @throws AppError CAPTURES_UNAVAILABLE when the folder cannot be made or written
 */
export async function openFolderCaptures(folder: string): Promise<CaptureStore> {
  const incoming = join(folder, 'incoming');
  try {
    await mkdir(incoming, { recursive: true });
    await removeLeftovers(incoming);
    await syncFolder(folder);
  } catch (error) {
    throw explain(error, folder);
  }
  /** Folders whose own names this process has synced. */
  const synced = new Set<string>();

  async function prepare(place: string): Promise<void> {
    if (synced.has(place)) return;
    await mkdir(place, { recursive: true });
    await syncFolder(dirname(place));
    await syncFolder(folder);
    synced.add(place);
  }

  async function isThere(file: string, sha256: string, size: number): Promise<boolean> {
    const found = await lstat(file).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (found !== null && !(found.isFile() && found.size === size)) throw new CaptureAlteredError(sha256);
    return found !== null;
  }

  async function write(bytes: Uint8Array, sha256: string, file: string): Promise<void> {
    const part = join(incoming, `${sha256}.${randomUUID()}`);
    try {
      const handle = await open(part, 'wx', 0o444);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await link(part, file).catch(async (error: unknown) => {
        // Another process was first: with the same bytes, or it is noticed here.
        if (codeOf(error) !== 'EEXIST' || !(await isThere(file, sha256, bytes.length))) throw error;
      });
    } finally {
      await rm(part, { force: true }).catch(() => undefined); // why it failed matters more; it goes by age
    }
  }

  /** Opens a stored copy and nothing else: no link to elsewhere, no pipe that would wait for ever. */
  async function openCopy(sha256: string): Promise<{ handle: FileHandle; size: number }> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(join(folder, capturePath(sha256)), flags).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') throw new CaptureMissingError(sha256);
      if (codeOf(error) === 'ELOOP') throw new CaptureAlteredError(sha256);
      throw explain(error, folder);
    });
    const found = await handle.stat();
    if (found.isFile()) return { handle, size: found.size };
    await handle.close();
    throw new CaptureAlteredError(sha256);
  }

  return {
    async put(bytes) {
      if (bytes.length > largestCaptureBytes) throw new RangeError('a copy may have 256 MiB at most');
      const sha256 = sha256Of(bytes);
      const file = join(folder, capturePath(sha256));
      const place = dirname(file);
      try {
        await prepare(place);
        if (!(await isThere(file, sha256, bytes.length))) await write(bytes, sha256, file);
        // Also where another process wrote it: that one may not have come as far as this.
        await syncFolder(place);
      } catch (error) {
        throw explain(error, folder);
      }
      return sha256;
    },

    async get(sha256) {
      const { handle, size } = await openCopy(sha256);
      try {
        if (size > largestCaptureBytes) throw new CaptureAlteredError(sha256);
        const bytes = await handle.readFile();
        if (sha256Of(bytes) !== sha256) throw new CaptureAlteredError(sha256);
        return bytes;
      } finally {
        await handle.close();
      }
    },

    async check(sha256) {
      try {
        const { handle } = await openCopy(sha256);
        const found = await sha256OfStream(handle.createReadStream({ highWaterMark: 256 * 1024 }));
        return found === sha256 ? null : 'altered';
      } catch (error) {
        if (error instanceof CaptureMissingError) return 'missing';
        // A disk that cannot read a file back has lost its bytes, which is what a sweep looks for.
        if (error instanceof CaptureAlteredError || codeOf(error) === 'EIO') return 'altered';
        throw error;
      }
    },

    async *list() {
      for await (const first of namesIn(folder, isFanOut)) {
        for await (const second of namesIn(join(folder, first), isFanOut)) {
          const belongs = (name: string) => isSha256(name) && name.startsWith(first + second);
          yield* namesIn(join(folder, first, second), belongs);
        }
      }
    },

    async close() {},
  };
}
