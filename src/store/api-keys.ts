import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuid } from 'uuid';
import { AppError } from '../domain/app-error.ts';
import type { Role } from '../domain/role.ts';
import type { Db } from './db.ts';

/** Who a request comes from. */
export type ApiKey = { id: string; name: string; role: Role };

/**
 * A key is 32 random bytes, so a plain SHA-256 is enough to keep it: there is nothing to guess that a slow hash
 * would protect (NIST SP 800-63B section 5.1.2.2 asks for slow hashes where secrets can be guessed).
 */
function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/**
 * Makes a key and keeps only its hash.
 *
 * @returns the key with its secret, which cannot be had again
 * @throws AppError KEY_NAME_TAKEN
 */
export async function createApiKey(
  db: Db,
  key: { name: string; role: Role },
): Promise<ApiKey & { secret: string }> {
  const secret = `saring_${randomBytes(32).toString('base64url')}`;
  const row = await db
    .insertInto('api_key')
    .values({ id: uuid(), name: key.name, role: key.role, hash: hashSecret(secret) })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning(['id', 'name', 'role'])
    .executeTakeFirst();
  if (row === undefined) {
    throw new AppError(
      'KEY_NAME_TAKEN',
      409,
      `a key named ${key.name} exists; choose another name or revoke it first`,
    );
  }
  return { ...row, secret };
}

/** The key that a secret belongs to, or null when it is unknown or revoked. */
export async function findApiKey(db: Db, secret: string): Promise<ApiKey | null> {
  const row = await db
    .selectFrom('api_key')
    .where('hash', '=', hashSecret(secret))
    .where('revoked_at', 'is', null)
    .select(['id', 'name', 'role'])
    .executeTakeFirst();
  return row ?? null;
}

/** All keys, oldest first, without their secrets. */
export async function listApiKeys(db: Db): Promise<(ApiKey & { createdAt: Date; revokedAt: Date | null })[]> {
  return await db
    .selectFrom('api_key')
    .orderBy('id')
    .select(['id', 'name', 'role', 'created_at as createdAt', 'revoked_at as revokedAt'])
    .execute();
}

/** Ends a key. Its name is freed with a suffix, so that it can be given again; its past decisions keep their author. */
export async function revokeApiKey(db: Db, name: string): Promise<void> {
  const now = new Date();
  const result = await db
    .updateTable('api_key')
    .set({ revoked_at: now, name: `${name} (revoked ${now.toISOString()})` })
    .where('name', '=', name)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) {
    throw new AppError('KEY_UNKNOWN', 404, `no key in force is named ${name}; see saring keys list`);
  }
}
