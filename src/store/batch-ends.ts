import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Db } from './db.ts';
import { countGivenUp } from './given-up-rows.ts';
import { addWork } from './work.ts';

/** Tries of one message: the last one is about twenty hours after the first. */
const tries = 10;

/**
 * Has the end of a batch told to its webhook, if it has one and has come to its end: cancelled, or received with no row
 * that still waits. Called in every transaction that can bring a batch to its end, after what it changes. The lock on the
 * batch makes of several such transactions exactly one tell it: each sees what those before it have done. A batch
 * whose upload was cut is at no end, since its sender may go on.
 */
export async function tellIfEnded(trx: Db, batchId: string): Promise<void> {
  const batch = await trx
    .selectFrom('batch')
    .where('id', '=', batchId)
    .where('webhook_id', 'is not', null)
    .where('told', '=', false)
    .where('state', 'in', ['received', 'cancelled'])
    .forUpdate()
    .selectAll()
    .executeTakeFirst();
  if (batch === undefined || batch.webhook_id === null) return;
  if (batch.state === 'received' && (await hasRowsWaiting(trx, batchId))) return;
  const failed = (await countGivenUp(trx, [batchId])).get(batchId) ?? 0;
  const event = batch.state === 'cancelled' ? 'batch.cancelled' : 'batch.done';
  const body = JSON.stringify({
    type: event,
    timestamp: new Date().toISOString(),
    data: {
      id: batch.id,
      name: batch.name,
      state: batch.state,
      done: true,
      rows: {
        read: batch.rows_read,
        bad: batch.rows_bad,
        scored: batch.rows_scored,
        flagged: batch.rows_flagged,
        failed,
      },
      createdAt: batch.created_at.toISOString(),
      receivedAt: batch.received_at?.toISOString() ?? null,
    },
  });
  const delivery = { id: uuid(), batch_id: batchId, webhook_id: batch.webhook_id, event, body };
  await trx.updateTable('batch').set({ told: true }).where('id', '=', batchId).execute();
  await trx
    .insertInto('webhook_delivery')
    .values({ ...delivery, state: 'waiting', tries_left: tries })
    .execute();
  await addWork(trx, { lane: 'webhook', key: delivery.id, payload: { deliveryId: delivery.id } });
}

async function hasRowsWaiting(trx: Db, batchId: string): Promise<boolean> {
  const waiting = await trx
    .selectFrom('work')
    .where('batch_id', '=', batchId)
    .where('state', '=', 'pending')
    .select('id')
    .limit(1)
    .executeTakeFirst();
  return waiting !== undefined;
}

/**
 * Has a message told once more that had arrived or was given up, with all its tries. One that still waits is tried now.
 * Asking again before it is tried changes nothing.
 *
 * @returns the work to ring for, or null where the batch has no such message
 */
export async function tellAgain(trx: Db, batchId: string, deliveryId: string): Promise<string | null> {
  const delivery = await trx
    .updateTable('webhook_delivery')
    .set({ state: 'waiting', tries_left: tries })
    .where('id', '=', deliveryId)
    .where('batch_id', '=', batchId)
    .returning('id')
    .executeTakeFirst();
  if (delivery === undefined) return null;
  const payload = JSON.stringify({ deliveryId });
  const work = await trx
    .insertInto('work')
    .values({
      id: uuid(),
      lane: 'webhook',
      key: deliveryId,
      batch_id: null,
      payload,
      state: 'pending',
      error: null,
    })
    .onConflict((conflict) =>
      conflict.columns(['lane', 'key']).doUpdateSet({
        state: 'pending',
        payload,
        attempts: 0,
        abandoned: 0,
        due_at: sql<Date>`now()`,
        finished_at: null,
        error: null,
      }),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  return work.id;
}
