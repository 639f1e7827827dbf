import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Services } from '../../services.ts';

const Check = z.enum(['ok', 'failed']);

/** Health for whatever keeps the service running, and metrics for Prometheus. Nothing here shows a listing. */
export function operationRoutes({ store, queue, classifier, metrics, log }: Services): FastifyPluginAsyncZod {
  const tags = ['operations'];

  async function checkOf(check: Promise<void>, name: string): Promise<z.infer<typeof Check>> {
    try {
      await check;
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
      status: Check,
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
        const status = database === 'ok' && bell === 'ok' ? 'ok' : 'failed';
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
