import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Db } from './db.ts';

/** Where the ends of batches are told, and what the messages are signed with. */
export type Webhook = { id: string; url: string; secret: string };

/** A message that is to be delivered, and where to. `body` is sent as it stands, in every try. */
export type WebhookMessage = {
  id: string;
  url: string;
  secret: string;
  body: string;
  state: WebhookState;
  triesLeft: number;
};

/** Whether a message still waits for a try, has arrived, or is given up. */
export const webhookStates = ['waiting', 'delivered', 'failed'] as const;
export type WebhookState = (typeof webhookStates)[number];

/** One try to deliver a message. */
export type WebhookAttempt = {
  begunAt: Date;
  durationMs: number;
  /** What the receiver answered; null where there was no answer. */
  status: number | null;
  /** Why it does not count as delivered, in plain words. */
  problem: string | null;
};

/** A message with all its tries, as the delivery log shows it. */
export type WebhookDelivery = {
  id: string;
  event: string;
  url: string;
  state: WebhookState;
  createdAt: Date;
  /** When the next try is due; null where there is none. */
  nextTryAt: Date | null;
  attempts: WebhookAttempt[];
};

/**
 * The webhook of an API key at an address. Its secret is made the first time and is the same ever after.
 *
 * @param newSecret the secret of a webhook that is not known yet
 */
export async function openWebhook(
  db: Db,
  webhook: { apiKeyId: string; url: string },
  newSecret: string,
): Promise<Webhook> {
  await db
    .insertInto('webhook')
    .values({ id: uuid(), api_key_id: webhook.apiKeyId, url: webhook.url, secret: newSecret })
    .onConflict((conflict) => conflict.columns(['api_key_id', 'url']).doNothing())
    .execute();
  return await db
    .selectFrom('webhook')
    .where('api_key_id', '=', webhook.apiKeyId)
    .where('url', '=', webhook.url)
    .select(['id', 'url', 'secret'])
    .executeTakeFirstOrThrow();
}

/** A message with its address and secret, or null. */
export async function findMessage(db: Db, deliveryId: string): Promise<WebhookMessage | null> {
  const row = await db
    .selectFrom('webhook_delivery')
    .innerJoin('webhook', 'webhook.id', 'webhook_delivery.webhook_id')
    .where('webhook_delivery.id', '=', deliveryId)
    .select(['webhook_delivery.id', 'url', 'secret', 'body', 'state', 'tries_left as triesLeft'])
    .executeTakeFirst();
  return row ?? null;
}

/** Writes a try down, and what the message has come to by it. */
export async function addAttempt(
  trx: Db,
  deliveryId: string,
  attempt: WebhookAttempt,
  state: WebhookState,
): Promise<void> {
  await trx
    .updateTable('webhook_delivery')
    .set((eb) => ({ state, tries_left: eb('tries_left', '-', 1) }))
    .where('id', '=', deliveryId)
    .execute();
  await trx
    .insertInto('webhook_attempt')
    .values((eb) => ({
      delivery_id: deliveryId,
      number: eb
        .selectFrom('webhook_attempt')
        .where('delivery_id', '=', deliveryId)
        .select(sql<number>`count(*)::int + 1`.as('number')),
      begun_at: attempt.begunAt,
      duration_ms: attempt.durationMs,
      status: attempt.status,
      problem: attempt.problem,
    }))
    .execute();
}

/** What was to be told of a batch, the oldest first, each with its tries. */
export async function listDeliveries(db: Db, batchId: string): Promise<WebhookDelivery[]> {
  // As of one moment, so that a message that has arrived is never shown beside a try that still waits, or the other way.
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => await readDeliveries(trx, batchId));
}

async function readDeliveries(trx: Db, batchId: string): Promise<WebhookDelivery[]> {
  const deliveries = await trx
    .selectFrom('webhook_delivery')
    .innerJoin('webhook', 'webhook.id', 'webhook_delivery.webhook_id')
    .leftJoin('work', (join) =>
      join
        .onRef('work.key', '=', sql<string>`webhook_delivery.id::text`)
        .on('work.lane', '=', 'webhook')
        .on('work.state', '=', 'pending'),
    )
    .where('webhook_delivery.batch_id', '=', batchId)
    .orderBy('webhook_delivery.id')
    .select(['webhook_delivery.id', 'event', 'url', 'webhook_delivery.state'])
    .select(['webhook_delivery.created_at as createdAt', 'work.due_at as nextTryAt'])
    .execute();
  const attempts = await trx
    .selectFrom('webhook_attempt')
    .innerJoin('webhook_delivery', 'webhook_delivery.id', 'webhook_attempt.delivery_id')
    .where('webhook_delivery.batch_id', '=', batchId)
    .orderBy('delivery_id')
    .orderBy('number')
    .select(['delivery_id', 'begun_at as begunAt', 'duration_ms as durationMs', 'status', 'problem'])
    .execute();
  return deliveries.map((delivery) => ({
    ...delivery,
    attempts: attempts
      .filter(({ delivery_id }) => delivery_id === delivery.id)
      .map(({ delivery_id: _delivery, ...attempt }) => attempt),
  }));
}
