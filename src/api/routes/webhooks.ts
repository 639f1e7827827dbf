import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import { newWebhookSecret } from '../../outbound/sign-webhook.ts';
import type { Services } from '../../services.ts';
import { tellAgain } from '../../store/batch-ends.ts';
import { findBatch } from '../../store/batches.ts';
import { inTransaction } from '../../store/db.ts';
import { listDeliveries, openWebhook, type WebhookDelivery, webhookStates } from '../../store/webhooks.ts';
import { requireKey } from '../authenticate.ts';
import { Problem } from '../problems.ts';
import { requireWebhookAddress } from '../webhook-address.ts';

const Time = z.iso.datetime();

const DeliveryView = z.object({
  /** The header webhook-id of its tries. */
  id: z.uuid(),
  event: z.string(),
  /** Scheme and host alone: paths and queries of such addresses are often secrets. */
  to: z.string(),
  state: z.enum(webhookStates),
  createdAt: Time,
  nextTryAt: Time.nullable(),
  attempts: z.array(
    z.object({
      begunAt: Time,
      durationMs: z.int(),
      status: z.int().nullable(),
      problem: z.string().nullable(),
    }),
  ),
});
const DeliveriesView = z.object({ deliveries: z.array(DeliveryView) });

function viewDelivery({ url, ...delivery }: WebhookDelivery): z.infer<typeof DeliveryView> {
  return {
    ...delivery,
    to: new URL(url).origin,
    createdAt: delivery.createdAt.toISOString(),
    nextTryAt: delivery.nextTryAt?.toISOString() ?? null,
    attempts: delivery.attempts.map(({ begunAt, ...attempt }) => ({
      begunAt: begunAt.toISOString(),
      ...attempt,
    })),
  };
}

const batchId = z.uuid('must be the id of a batch');
const roles = ['analyst', 'batch'] as const;

/** Webhooks: the secrets that messages are signed with, and what became of the messages. */
export function webhookRoutes({ store, webhooks, ringSoon }: Services): FastifyPluginAsyncZod {
  async function viewDeliveries(id: string): Promise<z.infer<typeof DeliveriesView>> {
    return { deliveries: (await listDeliveries(store.db, id)).map(viewDelivery) };
  }

  return async (api) => {
    api.post(
      '/v1/webhooks',
      {
        config: { roles: [...roles] },
        schema: {
          summary: 'The secret that messages to an address are signed with',
          description:
            'Made the first time and the same ever after, one for each API key and address, so that a receiver can be set up before the first batch. Messages follow the Standard Webhooks specification: webhook-signature is "v1," and the base64 HMAC-SHA256 of id, timestamp and body.',
          tags: ['webhooks'],
          body: z.strictObject({ url: z.string() }),
          response: { 200: z.object({ url: z.string(), secret: z.string() }), 422: Problem },
        },
      },
      async (request) => {
        const address = requireWebhookAddress(webhooks, request.body.url, 'url');
        const owner = { apiKeyId: requireKey(request).id, url: address };
        const { url, secret } = await openWebhook(store.db, owner, newWebhookSecret());
        return { url, secret };
      },
    );

    api.get(
      '/v1/batches/:id/deliveries',
      {
        config: { roles: [...roles] },
        schema: {
          summary: 'What was told of the end of a batch, with every try',
          tags: ['webhooks'],
          params: z.object({ id: batchId }),
          response: { 200: DeliveriesView, 404: Problem },
        },
      },
      async ({ params: { id } }) => {
        if ((await findBatch(store.db, id)) === null)
          throw new AppError('BATCH_NOT_FOUND', 404, `there is no batch ${id}`);
        return await viewDeliveries(id);
      },
    );

    api.post(
      '/v1/batches/:id/deliveries/:deliveryId/retry',
      {
        config: { roles: [...roles] },
        schema: {
          summary: 'Tell it again, under the same id and with all tries',
          description: 'One that still waits is tried now. Asking again before it is tried changes nothing.',
          tags: ['webhooks'],
          params: z.object({ id: batchId, deliveryId: z.uuid('must be the id of a delivery') }),
          response: { 200: DeliveriesView, 404: Problem },
        },
      },
      async ({ params: { id, deliveryId } }) => {
        const workId = await inTransaction(store.db, (trx) => tellAgain(trx, id, deliveryId));
        if (workId === null)
          throw new AppError('DELIVERY_NOT_FOUND', 404, `batch ${id} has no delivery ${deliveryId}`);
        ringSoon();
        return await viewDeliveries(id);
      },
    );
  };
}
