import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { isLane, lanes } from '../../queue/job-queue.ts';
import type { Services } from '../../services.ts';
import { listDeadLetters, retryDeadLetters } from '../../store/dead-letters.ts';
import { Problem } from '../problems.ts';

const Lane = z.enum(lanes, { message: `must be one of: ${lanes.join(', ')}` });
const Time = z.iso.datetime();

const DeadLetterView = z.object({
  workId: z.uuid(),
  lane: z.string(),
  batchId: z.uuid().nullable(),
  rows: z.array(z.int()),
  attempts: z.int(),
  error: z.string(),
  addedAt: Time,
  failedAt: Time,
});

/** Background work that was given up after its tries: what it was, why, and to have it tried again. */
export function deadLetterRoutes({ store, queue, log }: Services): FastifyPluginAsyncZod {
  const tags = ['operations'];
  return async (api) => {
    api.get(
      '/v1/dead-letters',
      {
        config: { roles: ['batch'] },
        schema: {
          summary: 'Background work that was given up, the newest first; it shows no listing',
          tags,
          querystring: z.strictObject({
            lane: Lane.optional(),
            limit: z.coerce.number().int().min(1).max(500).default(50),
            cursor: z.uuid('must be the nextCursor of a page before').optional(),
          }),
          response: {
            200: z.object({ deadLetters: z.array(DeadLetterView), nextCursor: z.uuid().nullable() }),
            422: Problem,
          },
        },
      },
      async (request) => {
        const { lane, limit, cursor = null } = request.query;
        const found = await listDeadLetters(store.db, { lane }, limit, cursor);
        return {
          deadLetters: found.map((letter) => ({
            ...letter,
            addedAt: letter.addedAt.toISOString(),
            failedAt: letter.failedAt.toISOString(),
          })),
          nextCursor: found.length < limit ? null : (found.at(-1)?.workId ?? null),
        };
      },
    );

    api.post(
      '/v1/dead-letters/retry',
      {
        config: { roles: ['batch'] },
        schema: {
          summary: 'Try work again that was given up: some of it by id, that of a lane or batch, or all',
          description: 'Work that waits or is done stays as it is, so asking again changes nothing.',
          tags,
          body: z.strictObject({
            workIds: z.array(z.uuid('must be the workId of a dead letter')).min(1).max(1000).optional(),
            lane: Lane.optional(),
            batchId: z.uuid('must be the id of a batch').optional(),
          }),
          response: { 200: z.object({ retried: z.int() }), 422: Problem },
        },
      },
      async (request) => {
        const again = await retryDeadLetters(store.db, request.body);
        const bells = again.flatMap(({ workId, lane }) => (isLane(lane) ? [{ lane, workId }] : []));
        // The work is in the database; a queue that is away only makes it wait for the reconciler.
        await queue.ring(bells).catch((error: unknown) => log.warn({ err: error }, 'bell lost'));
        return { retried: again.length };
      },
    );
  };
}
