import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { futureIssue, Listing } from '../../domain/listing.ts';
import type { Services } from '../../services.ts';
import { AssessmentView, viewAssessment } from '../assessment-view.ts';
import { Problem } from '../problems.ts';
import { invalidInput } from '../validate.ts';

/** `POST /v1/score`: a verdict on one listing, nothing stored. */
export function scoreRoutes(services: Services): FastifyPluginAsyncZod {
  const { assessor } = services;
  return async (api) => {
    api.post(
      '/v1/score',
      {
        config: { roles: ['analyst', 'batch', 'reviewer'] },
        schema: {
          summary: 'Score a listing without storing it',
          description:
            '`?terms=true` adds the words of the trade in the text, with their meaning and source.',
          tags: ['listings'],
          querystring: z.strictObject({
            terms: z.stringbool({ error: 'must be true or false' }).default(false),
          }),
          body: Listing,
          response: { 200: AssessmentView, 422: Problem },
        },
      },
      async (request) => {
        const future = futureIssue(request.body, new Date());
        if (future !== null) throw invalidInput([future]);
        const { text } = request.body;
        return viewAssessment(text, [], await assessor.assessText(text), services, request.query);
      },
    );
  };
}
