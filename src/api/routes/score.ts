import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Assessment } from '../../domain/assessment.ts';
import { futureIssue, Listing } from '../../domain/listing.ts';
import type { Services } from '../../services.ts';
import { Problem } from '../problems.ts';
import { invalidInput } from '../validate.ts';

/** `POST /v1/score`: a verdict on one listing, nothing stored. */
export function scoreRoutes({ assessor }: Services): FastifyPluginAsyncZod {
  return async (api) => {
    api.post(
      '/v1/score',
      {
        config: { roles: ['analyst', 'batch', 'reviewer'] },
        schema: {
          summary: 'Score a listing without storing it',
          tags: ['listings'],
          body: Listing,
          response: { 200: Assessment, 422: Problem },
        },
      },
      async (request) => {
        const future = futureIssue(request.body, new Date());
        if (future !== null) throw invalidInput([future]);
        return await assessor.assessText(request.body.text);
      },
    );
  };
}
