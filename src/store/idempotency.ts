import { sql } from 'kysely';
import { AppError } from '../domain/app-error.ts';
import type { Db } from './db.ts';

/** What identifies a request that may be repeated. */
export type RepeatableRequest = { apiKeyId: string; key: string; requestHash: string };

/** An answer as it was first given. */
export type Answer = { status: number; body: object };

/** Answers are kept for a day, as most services that take the header do. */
const keptHours = 24;

/**
 * The answer that the same request was given before, or null.
 *
 * @throws AppError IDEMPOTENCY_KEY_REUSED when the key came with another request before
 * (draft-ietf-httpapi-idempotency-key-header, section 2.7: 422)
 */
export async function findAnswer(db: Db, request: RepeatableRequest): Promise<Answer | null> {
  const row = await db
    .selectFrom('idempotency')
    .where('api_key_id', '=', request.apiKeyId)
    .where('key', '=', request.key)
    .select(['request_hash', 'status', 'answer'])
    .executeTakeFirst();
  if (row === undefined) return null;
  if (row.request_hash !== request.requestHash) {
    throw new AppError(
      'IDEMPOTENCY_KEY_REUSED',
      422,
      'this Idempotency-Key was used for another request; choose a new one',
      {
        issues: [{ field: 'Idempotency-Key', message: 'was used for another request; choose a new one' }],
      },
    );
  }
  return { status: row.status, body: row.answer };
}

/**
 * Keeps an answer, in the transaction that holds the request's effects. Of two equal requests at the same moment
 * the second waits here for the first.
 *
 * @returns false when the other one was first: then the caller rolls back and gives that one's answer
 */
export async function keepAnswer(trx: Db, request: RepeatableRequest, answer: Answer): Promise<boolean> {
  const row = await trx
    .insertInto('idempotency')
    .values({
      api_key_id: request.apiKeyId,
      key: request.key,
      request_hash: request.requestHash,
      status: answer.status,
      answer: JSON.stringify(answer.body),
    })
    .onConflict((conflict) => conflict.columns(['api_key_id', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst();
  return row !== undefined;
}

/** Forgets answers older than a day. */
export async function dropOldAnswers(db: Db): Promise<void> {
  await db
    .deleteFrom('idempotency')
    .where('created_at', '<', sql<Date>`now() - make_interval(hours => ${keptHours})`)
    .execute();
}
