import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import { Verdict } from '../../domain/policy.ts';
import { readListings } from '../../intake/read-listings.ts';
import { receiveBatch } from '../../receive-batch.ts';
import type { Services } from '../../services.ts';
import { readBatchResults } from '../../store/batch-results.ts';
import { cancelBatch, retryBatch } from '../../store/batch-work.ts';
import { type Batch, findBatch, refuseCancelled } from '../../store/batches.ts';
import { requireKey } from '../authenticate.ts';
import { drainBody, readBatchBody } from '../batch-body.ts';
import { batchEvents } from '../batch-events.ts';
import { batchResultFormats, mediaTypes, resultFileName, writeBatchResults } from '../batch-results.ts';
import { IdempotencyKey } from '../idempotency-key.ts';
import { Problem } from '../problems.ts';

/** Pages of results that are read before their reader asks for them. */
const pagesAhead = 1;

const params = z.object({ id: z.uuid('must be the id of a batch') });

const Time = z.iso.datetime();

const BatchView = z.object({
  id: z.uuid(),
  name: z.string(),
  state: z.enum(['receiving', 'received', 'cut', 'cancelled']),
  done: z.boolean(),
  rows: z.object({ read: z.int(), bad: z.int(), scored: z.int(), flagged: z.int(), failed: z.int() }),
  /** In the last minute. */
  rowsPerSecond: z.number(),
  secondsLeft: z.int().nullable(),
  createdAt: Time,
  receivedAt: Time.nullable(),
  problems: z.array(z.object({ line: z.int(), id: z.string().nullable(), problem: z.string() })),
});

function viewBatch(batch: Batch): z.infer<typeof BatchView> {
  return {
    ...batch,
    rowsPerSecond: Math.round(batch.rowsPerSecond * 10) / 10,
    secondsLeft: batch.secondsLeft === null ? null : Math.ceil(batch.secondsLeft),
    createdAt: batch.createdAt.toISOString(),
    receivedAt: batch.receivedAt?.toISOString() ?? null,
  };
}

/** Batches: many listings in one upload, in any format that intake reads, scored in the background. */
export function batchRoutes({ store, queue, log, config }: Services): FastifyPluginAsyncZod {
  const ring: typeof queue.ring = async (bells) => {
    // The work is in the database; a queue that is away only makes it wait for the reconciler.
    await queue.ring(bells).catch((error: unknown) => log.warn({ err: error }, 'bell lost'));
  };
  async function requireBatch(id: string): Promise<Batch> {
    const batch = await findBatch(store.db, id);
    if (batch === null) throw new AppError('BATCH_NOT_FOUND', 404, `there is no batch ${id}`);
    return batch;
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
          querystring: z.strictObject({ name: z.string().min(1).max(200).default('batch') }),
          response: { 202: BatchView, 409: Problem, 413: Problem, 415: Problem, 422: Problem },
        },
      },
      async (request, reply) => {
        const file = readBatchBody(request, config.http.batchLimitBytes);
        const rows = readListings(file, { now: new Date() });
        const upload = {
          name: request.query.name,
          createdBy: requireKey(request).id,
          idempotencyKey: request.headers['idempotency-key'] ?? null,
        };
        const receiving = receiveBatch(rows, upload, { db: store.db, ring });
        uploads.add(receiving);
        const { batchId } = await receiving.finally(async () => {
          uploads.delete(receiving);
          await drainBody(request, reply);
        });
        const batch = await requireBatch(batchId);
        return reply.code(202).header('location', `/v1/batches/${batchId}`).send(viewBatch(batch));
      },
    );

    api.get(
      '/v1/batches/:id',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'How far a batch is and how long it will take, with its first 100 bad rows',
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
            'One line for each row, in the order of the rows; a bad row has a problem and no verdict. Of a batch that is not done, what there is so far: then the header saring-batch-done is false.',
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
        const again = await retryBatch(store.db, id);
        await ring(again.map((workId) => ({ lane: 'assess', workId })));
        return viewBatch(await requireBatch(id));
      },
    );
  };
}
