import { createReadStream, createWriteStream, openAsBlob } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { PGlite, types } from '@electric-sql/pglite';
import { AppError } from '../domain/app-error.ts';
import { lockFolder } from './folder-lock.ts';

/** An embedded PostgreSQL in a folder, owned by this process alone. */
export type EmbeddedDatabase = {
  pglite: PGlite;
  /** Writes a copy of the whole database beside it and keeps the last three. Returns the file's path. */
  snapshot(): Promise<string>;
  close(): Promise<void>;
};

const snapshotsKept = 3;
/** What may stand in a folder beside a database: frozen pictures, its snapshots, who holds it, and what a killed restore left. */
const besides = /^(captures|snapshots|saring\.lock.*|pg\.part.*)$/;
/** Fails in a database that is none of ours. */
const askForOurTables = 'select 1 from kysely_migration, listing, work limit 1';

/**
 * Opens the database in `folder`, making it on the first start (2.5 to 5 s; later 0.4 s).
 *
 * It runs without fsync: a killed process loses nothing, a power cut may. For that, use PostgreSQL.
 *
 * @param image a dump of a data folder to begin a new database from, instead of an empty one
 * @throws AppError FOLDER_IN_USE when another process has the folder
 */
export async function openEmbedded(folder: string, image?: Blob): Promise<EmbeddedDatabase> {
  const lock = await lockFolder(folder);
  try {
    const dataDir = join(folder, 'pg');
    const exists = (await readdir(folder)).includes('pg');
    const pglite = await PGlite.create({
      dataDir,
      // count() is a number on both engines.
      parsers: { [types.INT8]: Number },
      ...(image !== undefined && !exists ? { loadDataDir: image } : {}),
    });
    const snapshotDir = join(folder, 'snapshots');
    return {
      pglite,
      async snapshot() {
        await mkdir(snapshotDir, { recursive: true });
        const dump = await pglite.dumpDataDir('gzip');
        const file = join(snapshotDir, `${new Date().toISOString().replaceAll(':', '-')}.tar.gz`);
        await writeFile(`${file}.part`, dump.stream());
        await rename(`${file}.part`, file);
        const old = (await readdir(snapshotDir)).filter((name) => name.endsWith('.tar.gz')).sort();
        for (const name of old.slice(0, -snapshotsKept)) await rm(join(snapshotDir, name));
        return file;
      },
      async close() {
        if (!pglite.closed) await pglite.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Begins the database in `folder` from a dump of one. It appears whole or not at all.
 *
 * @param file what a snapshot wrote
 * @throws AppError RESTORE_NOT_EMPTY where the folder has a database, or anything but pictures and snapshots;
 * BACKUP_UNREADABLE; RESTORE_FAILED, such as on a full disk; FOLDER_IN_USE
 */
export async function restoreEmbedded(folder: string, file: string): Promise<void> {
  const lock = await lockFolder(folder);
  const part = join(folder, 'pg.part');
  const unpacked = join(folder, 'pg.part.tar');
  try {
    const there = (await readdir(folder)).filter((name) => !besides.test(name));
    if (there.length > 0)
      throw new AppError(
        'RESTORE_NOT_EMPTY',
        409,
        `${folder} is not empty (${there.slice(0, 3).join(', ')}); move it away, or set SARING_DATA to another folder`,
      );
    await rm(part, { recursive: true, force: true });
    await unpack(file, unpacked);
    await readImage(part, await openAsBlob(unpacked));
    await rename(part, join(folder, 'pg'));
  } finally {
    await rm(part, { recursive: true, force: true });
    await rm(unpacked, { force: true });
    await lock.release();
  }
}

/** Unpacked here, since PGlite's own unpacking of a damaged file ends the process. */
async function unpack(file: string, out: string): Promise<void> {
  try {
    await pipeline(createReadStream(file), createGunzip(), createWriteStream(out));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code.startsWith('Z_')) throw unreadable(cause);
    throw new AppError('RESTORE_FAILED', 500, `${file} cannot be unpacked to ${out} (${code})`, { cause });
  }
}

function unreadable(cause: unknown): AppError {
  return new AppError(
    'BACKUP_UNREADABLE',
    422,
    'this is no backup of saring, or it is damaged; nothing was restored',
    { cause },
  );
}

async function readImage(dataDir: string, image: Blob): Promise<void> {
  let pglite: PGlite | null = null;
  try {
    pglite = await PGlite.create({ dataDir, loadDataDir: image });
    await pglite.query(askForOurTables);
    await pglite.close();
  } catch (cause) {
    if (pglite?.closed === false) await pglite.close();
    throw unreadable(cause);
  }
}
