import { setTimeout } from 'node:timers/promises';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Services } from '../../services.ts';

/** What the routes of operations show. */
export type Operated = Pick<Services, 'store' | 'queue' | 'classifier' | 'metrics' | 'log'>;

/** The longest that readiness waits for a part, milliseconds; one that takes longer is as good as away. */
const patienceMs = 2_000;

async function late(): Promise<never> {
  await setTimeout(patienceMs, undefined, { ref: false });
  throw new Error(`no answer within ${patienceMs} ms`);
}

const Check = z.enum(['ok', 'failed']);

/**
 * Health for whatever keeps the service running, and metrics for Prometheus. Nothing here shows a listing.
 *
 * @param isEnding whether the process is about to end, so that no more should be sent to it
 */
export function operationRoutes(
  { store, queue, classifier, metrics, log }: Operated,
  isEnding: () => boolean,
): FastifyPluginAsyncZod {
  const tags = ['operations'];

  async function checkOf(doing: Promise<void>, name: string): Promise<z.infer<typeof Check>> {
    try {
      await Promise.race([doing, late()]);
      return 'ok';
    } catch (error) {
      log.warn({ err: error, check: name }, 'not ready');
      return 'failed';
    }
  }

  return async (api) => {
    api.get(
      '/health/live',
      {
        schema: {
          summary: 'The process answers',
          tags,
          response: { 200: z.object({ status: z.literal('ok') }) },
        },
      },
      async () => ({ status: 'ok' as const }),
    );

    const Ready = z.object({
      status: z.enum(['ok', 'failed', 'ending']),
      checks: z.object({ database: Check, queue: Check }),
      modelVersion: z.string(),
      backend: z.string(),
    });
    api.get(
      '/health/ready',
      { schema: { summary: 'Requests can be served', tags, response: { 200: Ready, 503: Ready } } },
      async (_request, reply) => {
        const [database, bell] = await Promise.all([
          checkOf(store.check(), 'database'),
          checkOf(queue.check(), 'queue'),
        ]);
        const sound = database === 'ok' && bell === 'ok' ? 'ok' : 'failed';
        const status = isEnding() ? 'ending' : sound;
        return reply.code(status === 'ok' ? 200 : 503).send({
          status,
          checks: { database, queue: bell },
          modelVersion: classifier.modelVersion,
          backend: classifier.backend,
        });
      },
    );

    api.get(
      '/metrics',
      { schema: { summary: 'Metrics in Prometheus text format', tags, response: { 200: z.string() } } },
      async (_request, reply) => {
        const { contentType, body } = await metrics.page();
        return reply
          .type(contentType)
          .serializer((text: string) => text)
          .send(body);
      },
    );
  };
}
