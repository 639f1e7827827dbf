import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import { readListings } from '../../intake/read-listings.ts';
import { receiveBatch } from '../../receive-batch.ts';
import type { Services } from '../../services.ts';
import { type Batch, findBatch } from '../../store/batches.ts';
import { requireKey } from '../authenticate.ts';
import { drainBody, readBatchBody } from '../batch-body.ts';
import { IdempotencyKey } from '../idempotency-key.ts';
import { Problem } from '../problems.ts';

const Time = z.iso.datetime();

const BatchView = z.object({
  id: z.uuid(),
  name: z.string(),
  state: z.enum(['receiving', 'received', 'cut']),
  done: z.boolean(),
  rows: z.object({ read: z.int(), bad: z.int(), scored: z.int(), flagged: z.int(), failed: z.int() }),
  createdAt: Time,
  receivedAt: Time.nullable(),
  problems: z.array(z.object({ line: z.int(), id: z.string().nullable(), problem: z.string() })),
});

function viewBatch(batch: Batch): z.infer<typeof BatchView> {
  return {
    ...batch,
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
  return async (api) => {
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

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
        const { batchId } = await receiveBatch(rows, upload, { db: store.db, ring }).finally(() =>
          drainBody(request, reply),
        );
        const batch = await findBatch(store.db, batchId);
        if (batch === null) throw new Error('the batch just received cannot be found');
        return reply.code(202).header('location', `/v1/batches/${batchId}`).send(viewBatch(batch));
      },
    );

    api.get(
      '/v1/batches/:id',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'How far a batch is, with its first 100 bad rows',
          tags: ['batches'],
          params: z.object({ id: z.uuid('must be the id of a batch') }),
          response: { 200: BatchView, 404: Problem },
        },
      },
      async (request) => {
        const batch = await findBatch(store.db, request.params.id);
        if (batch === null)
          throw new AppError('BATCH_NOT_FOUND', 404, `there is no batch ${request.params.id}`);
        return viewBatch(batch);
      },
    );
  };
}
