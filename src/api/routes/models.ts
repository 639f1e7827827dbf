import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Estimate } from '../../classifier/intervals.ts';
import { readThresholds, thresholdFor } from '../../classifier/thresholds.ts';
import type { Services } from '../../services.ts';
import { Problem } from '../problems.ts';

/** What the models here promise. */
export function modelRoutes({ config, classifier }: Services): FastifyPluginAsyncZod {
  return async (api) => {
    api.get(
      '/v1/models/:version/thresholds',
      {
        config: { roles: ['analyst', 'reviewer'] },
        schema: {
          summary: 'The threshold that gives a precision, and the recall to expect of it',
          description:
            'The lowest threshold whose flags are offers with at least this precision by its lower 95 % bound, as measured on the validation authors, and which, where the model was made with real negatives, spares those as its policy promises. The version may be "current".',
          tags: ['models'],
          params: z.object({
            version: z.string().regex(/^[\w-]{1,64}$/, 'must be a model version, or current'),
          }),
          querystring: z.strictObject({
            precision: z.coerce
              .number({ message: 'must be a number from 0 to 1, such as 0.95' })
              .min(0, 'must be at least 0')
              .max(1, 'must be at most 1'),
          }),
          response: {
            200: z.object({
              modelVersion: z.string(),
              threshold: z.number(),
              precision: Estimate,
              recall: Estimate,
              n: z.int(),
              offers: z.int(),
              flagged: z.int(),
              /** Of the real negatives, how many would have been flagged, and how many there are. */
              realFlagged: z.int().optional(),
              realN: z.int().optional(),
              method: z.string(),
            }),
            404: Problem,
            422: Problem,
          },
        },
      },
      async (request) => {
        const { version } = request.params;
        const modelVersion = version === 'current' ? classifier.modelVersion : version;
        const thresholds = await readThresholds(config.models.dir, modelVersion);
        const { steps: _steps, ...about } = thresholds;
        return { modelVersion, ...thresholdFor(thresholds, request.query.precision), ...about };
      },
    );
  };
}
