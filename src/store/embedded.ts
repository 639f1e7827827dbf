import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite, types } from '@electric-sql/pglite';
import { lockFolder } from './folder-lock.ts';

/** An embedded PostgreSQL in a folder, owned by this process alone. */
export type EmbeddedDatabase = {
  pglite: PGlite;
  /** Writes a copy of the whole database beside it and keeps the last three. Returns the file's path. */
  snapshot(): Promise<string>;
  close(): Promise<void>;
};

const snapshotsKept = 3;

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
