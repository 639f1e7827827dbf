import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import { Verdict } from '../../domain/policy.ts';
import { readListings } from '../../intake/read-listings.ts';
import { newWebhookSecret } from '../../outbound/sign-webhook.ts';
import { receiveBatch } from '../../receive-batch.ts';
import type { Services } from '../../services.ts';
import { readBatchResults } from '../../store/batch-results.ts';
import { cancelBatch } from '../../store/batch-work.ts';
import { type Batch, findBatch, refuseCancelled } from '../../store/batches.ts';
import { retryDeadLetters } from '../../store/dead-letters.ts';
import { listBatches } from '../../store/list-batches.ts';
import { openWebhook } from '../../store/webhooks.ts';
import { requireKey } from '../authenticate.ts';
import { drainBody, readBatchBody, refusePromised } from '../batch-body.ts';
import { batchEvents } from '../batch-events.ts';
import { batchResultFormats, mediaTypes, resultFileName, writeBatchResults } from '../batch-results.ts';
import { BatchState, BatchSummaryView, BatchView, viewBatch, viewBatchSummary } from '../batch-view.ts';
import { IdempotencyKey } from '../idempotency-key.ts';
import { Problem } from '../problems.ts';
import { requireWebhookAddress } from '../webhook-address.ts';

/** Pages of results that are read before their reader asks for them. */
const pagesAhead = 1;

const params = z.object({ id: z.uuid('must be the id of a batch') });

/** How many batches a page of the list has, and at most. */
const usualPage = 50;
const longestPage = 200;

/** Batches: many listings in one upload, in any format that intake reads, scored in the background. */
export function batchRoutes(services: Services): FastifyPluginAsyncZod {
  const { store, queue, log, config, webhooks, ringSoon } = services;
  const ring: typeof queue.ring = async (bells) => {
    // The work is in the database; a queue that is away only makes it wait for the reconciler.
    await queue.ring(bells).catch((error: unknown) => log.warn({ err: error }, 'bell lost'));
  };
  async function requireBatch(id: string): Promise<Batch> {
    const batch = await findBatch(store.db, id);
    if (batch === null) throw new AppError('BATCH_NOT_FOUND', 404, `there is no batch ${id}`);
    return batch;
  }

  /** Takes an upload in; gives the batch's id. */
  async function receive(
    request: FastifyRequest<{
      Querystring: { name: string; webhook?: string | undefined };
      Headers: { 'idempotency-key'?: string | undefined };
    }>,
  ): Promise<string> {
    const { name, webhook } = request.query;
    const createdBy = requireKey(request).id;
    const url = webhook === undefined ? null : requireWebhookAddress(webhooks, webhook, 'webhook');
    const rows = readListings(readBatchBody(request, config.http.batchLimitBytes), { now: new Date() });
    const upload = {
      name,
      createdBy,
      idempotencyKey: request.headers['idempotency-key'] ?? null,
      webhookId:
        url === null
          ? null
          : (await openWebhook(store.db, { apiKeyId: createdBy, url }, newWebhookSecret())).id,
    };
    return (await receiveBatch(rows, upload, { db: store.db, ring, limits: config.batches })).batchId;
  }

  return async (api) => {
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    // Whoever listens to events would hold the service open.
    const closing = new AbortController();
    api.addHook('preClose', async () => closing.abort());
    // An upload whose connection was cut still writes down how far it came.
    const uploads = new Set<Promise<unknown>>();
    api.addHook('onClose', async () => void (await Promise.allSettled(uploads)));

    api.post(
      '/v1/batches',
      {
        bodyLimit: config.http.batchLimitBytes,
        config: { roles: ['analyst', 'batch'], gzip: true },
        schema: {
          summary: 'Upload a file of listings to be scored in the background',
          description:
            'The body is the file itself: our NDJSON or CSV, or what a known scraper wrote; its format is recognised by content. It may be gzip, named by Content-Encoding or not. After a cut connection the same upload with the same Idempotency-Key goes on where it stopped.',
          tags: ['batches'],
          headers: IdempotencyKey,
          querystring: z.strictObject({
            name: z.string().min(1).max(200).default('batch'),
            webhook: z
              .string()
              .optional()
              .describe(
                'an http(s) address that is told when the batch is done or cancelled, signed with the secret that POST /v1/webhooks gives; of an upload that goes on, that of its first part counts',
              ),
          }),
          response: { 202: BatchView, 409: Problem, 413: Problem, 415: Problem, 422: Problem },
        },
      },
      async (request, reply) => {
        refusePromised(request, config.http.batchLimitBytes);
        const receiving = receive(request);
        uploads.add(receiving);
        const batchId = await receiving.finally(async () => {
          uploads.delete(receiving);
          await drainBody(request, reply);
        });
        ringSoon();
        const batch = await requireBatch(batchId);
        return reply.code(202).header('location', `/v1/batches/${batchId}`).send(viewBatch(batch));
      },
    );

    api.get(
      '/v1/batches',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'Batches, the newest first',
          tags: ['batches'],
          querystring: z.strictObject({
            state: BatchState.optional(),
            limit: z.coerce.number().int().min(1).max(longestPage).default(usualPage),
            cursor: z.uuid('must be the nextCursor of an earlier answer').optional(),
          }),
          response: {
            200: z.object({ batches: z.array(BatchSummaryView), nextCursor: z.uuid().nullable() }),
            422: Problem,
          },
        },
      },
      async ({ query: { state, limit, cursor } }) => {
        const found = await listBatches(store.db, { state, before: cursor, limit: limit + 1 });
        const page = found.slice(0, limit);
        return {
          batches: page.map(viewBatchSummary),
          nextCursor: found.length > limit ? (page.at(-1)?.id ?? null) : null,
        };
      },
    );

    api.get(
      '/v1/batches/:id',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary:
            'How far a batch is and how long it will take, with the first 100 rows that are bad or were given up',
          tags: ['batches'],
          params,
          response: { 200: BatchView, 404: Problem },
        },
      },
      async (request) => viewBatch(await requireBatch(request.params.id)),
    );

    api.get(
      '/v1/batches/:id/events',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'How far a batch is, told as it goes on',
          description:
            'Server-sent events: "progress" with the batch as JSON whenever something has changed, and "end" when it is done or cancelled. A connection that ends before may be asked for again.',
          tags: ['batches'],
          params,
          response: { 200: z.any().describe('text/event-stream'), 404: Problem },
        },
      },
      async (request, reply) => {
        const { id } = await requireBatch(request.params.id);
        const events = batchEvents(async () => viewBatch(await requireBatch(id)), closing.signal);
        return reply.type('text/event-stream').send(Readable.from(events, { highWaterMark: 1 }));
      },
    );

    api.get(
      '/v1/batches/:id/results',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'What the rows of a batch became, as a file',
          description:
            'One line for each row, in the order of the rows; a row that is bad or was given up has a problem and no verdict. Of a batch that is not done, what there is so far: then the header saring-batch-done is false.',
          tags: ['batches'],
          params,
          querystring: z.strictObject({
            format: z
              .enum(batchResultFormats, { message: `must be one of: ${batchResultFormats.join(', ')}` })
              .default('ndjson'),
            verdict: Verdict.optional(),
          }),
          response: { 200: z.any().describe('the results, NDJSON or CSV'), 404: Problem, 422: Problem },
        },
      },
      async (request, reply) => {
        const batch = await requireBatch(request.params.id);
        const { format, verdict = null } = request.query;
        const pages = readBatchResults(store.db, batch.id, verdict);
        return reply
          .type(mediaTypes[format])
          .header('content-disposition', `attachment; filename="${resultFileName(batch, format)}"`)
          .header('saring-batch-done', String(batch.done))
          .send(Readable.from(writeBatchResults(pages, format), { highWaterMark: pagesAhead }));
      },
    );

    api.post(
      '/v1/batches/:id/cancel',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'Score no more rows of a batch; what is scored stays',
          description: 'A batch whose rows are all scored stays as it is. Asking again changes nothing.',
          tags: ['batches'],
          params,
          response: { 200: BatchView, 404: Problem },
        },
      },
      async (request) => {
        const { id, state, done } = await requireBatch(request.params.id);
        if (!(done && state === 'received')) await cancelBatch(store.db, id);
        ringSoon();
        return viewBatch(await requireBatch(id));
      },
    );

    api.post(
      '/v1/batches/:id/retry',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'Score the rows again that were given up',
          tags: ['batches'],
          params,
          response: { 200: BatchView, 404: Problem, 409: Problem },
        },
      },
      async (request) => {
        const { id, state } = await requireBatch(request.params.id);
        refuseCancelled(state);
        const again = await retryDeadLetters(store.db, { batchId: id });
        await ring(again.map(({ workId }) => ({ lane: 'assess', workId })));
        return viewBatch(await requireBatch(id));
      },
    );
  };
}
