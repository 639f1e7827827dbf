import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Config } from '../config.ts';
import { AppError } from '../domain/app-error.ts';
import { openStore } from '../store/db.ts';
import { restoreEmbedded } from '../store/embedded.ts';
import { countVerdicts } from '../store/find-listings.ts';
import { callService, type ServiceAddress } from './service-client.ts';

/** It holds everything that was stored, so it is its owner's alone. */
const fileMode = 0o600;

/**
 * Writes a backup of an embedded database: of a running service where one is named, else of the folder itself, which
 * refuses while a service holds it.
 *
 * @param out the file, which must not be there yet; it appears whole or not at all
 * @throws AppError BACKUP_EXISTS, BACKUP_ELSEWHERE, DATABASE_MISSING, BACKUP_CUT, FOLDER_IN_USE, or as asking a service does
 */
export async function backUp(config: Config, service: ServiceAddress | null, out: string): Promise<void> {
  if (existsSync(out))
    throw new AppError('BACKUP_EXISTS', 409, `${out} is there already; name another file or remove it first`);
  const part = `${out}.part`;
  try {
    await pipeline(
      service === null ? await copyOfFolder(config) : await copyOfService(service),
      createWriteStream(part, { mode: fileMode, flush: true }),
    );
    await rename(part, out);
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof AppError) throw error;
    const words = error instanceof Error ? error.message : String(error);
    throw new AppError('BACKUP_CUT', 500, `the backup could not be written to ${out}: ${words}`, {
      cause: error,
    });
  }
}

async function copyOfService(service: ServiceAddress): Promise<Readable> {
  const { body } = await callService(service, '/v1/backups', { method: 'POST' });
  if (body === null) throw new Error('the service sent nothing');
  // Node's own streams and those of fetch are declared apart, and are the same.
  return Readable.fromWeb(body as ReadableStream);
}

async function copyOfFolder(config: Config): Promise<Readable> {
  const folder = requireFolder(config);
  if (!existsSync(join(folder, 'pg')))
    throw new AppError(
      'DATABASE_MISSING',
      404,
      `there is no database in ${folder}; SARING_DATA names its folder`,
    );
  const store = await openStore(config.store);
  try {
    const file = await store.snapshot();
    if (file === null) throw new Error('an embedded store made no snapshot');
    return createReadStream(file);
  } finally {
    await store.close();
  }
}

/**
 * Begins an embedded database from a backup.
 *
 * @returns how many listings it has
 * @throws AppError RESTORE_NOT_EMPTY, BACKUP_UNREADABLE, BACKUP_ELSEWHERE or FOLDER_IN_USE; the folder is then as it was
 */
export async function restore(config: Config, file: string): Promise<number> {
  const folder = requireFolder(config);
  await access(file).catch((cause: unknown) => {
    throw new AppError('FILE_UNREADABLE', 422, `${file} cannot be read`, { cause });
  });
  await restoreEmbedded(folder, file);
  const store = await openStore(config.store);
  try {
    const { flag, watch, clear } = await countVerdicts(store.db);
    return flag + watch + clear;
  } finally {
    await store.close();
  }
}

function requireFolder({ store }: Config): string {
  if (store.engine === 'embedded') return store.folder;
  throw new AppError(
    'BACKUP_ELSEWHERE',
    409,
    'DATABASE_URL names a server: back it up with pg_dump and restore it with pg_restore (operations/backup.md)',
  );
}
