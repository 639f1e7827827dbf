import { createHash } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import { futureIssue, Listing, Platform } from '../../domain/listing.ts';
import { Verdict } from '../../domain/policy.ts';
import type { Services } from '../../services.ts';
import { findListing, listListings } from '../../store/find-listings.ts';
import { requireKey } from '../authenticate.ts';
import { IdempotencyKey } from '../idempotency-key.ts';
import { Problem } from '../problems.ts';
import { invalidInput } from '../validate.ts';
import { ListingView, viewListing } from '../views.ts';

const Instant = z.iso
  .datetime({ offset: true, message: 'must be an ISO 8601 time with a zone, such as 2026-01-31T08:00:00Z' })
  .transform((time) => new Date(time));

const Query = z.strictObject({
  platform: Platform.optional(),
  verdict: Verdict.optional(),
  seller: z.string().min(1).max(300).optional(),
  minProbability: z.coerce.number().min(0).max(1).optional(),
  receivedFrom: Instant.optional(),
  receivedBefore: Instant.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.uuid('must be the nextCursor of an earlier answer').optional(),
});

const readers = ['analyst', 'reviewer'] as const;

/** Listings: stored and assessed on arrival, read one by one or page by page. */
export function listingRoutes(services: Services): FastifyPluginAsyncZod {
  const { assessor, store } = services;
  return async (api) => {
    api.post(
      '/v1/listings',
      {
        config: { roles: ['analyst', 'batch'] },
        schema: {
          summary: 'Store and score a listing; a flagged one is queued for review',
          description:
            'The same platform and postId again is the same listing: 201 the first time, 200 after.',
          tags: ['listings'],
          headers: IdempotencyKey,
          body: Listing,
          response: { 200: ListingView, 201: ListingView, 422: Problem },
        },
      },
      async (request, reply) => {
        const future = futureIssue(request.body, new Date());
        if (future !== null) throw invalidInput([future]);
        const key = request.headers['idempotency-key'];
        const repeat =
          key === undefined
            ? null
            : {
                apiKeyId: requireKey(request).id,
                key,
                requestHash: createHash('sha256')
                  .update(JSON.stringify(['POST /v1/listings', request.body]))
                  .digest('hex'),
              };
        const answer = await assessor.submit(request.body, repeat, (stored, created) => ({
          status: created ? 201 : 200,
          body: viewListing(stored, services, { terms: true }),
        }));
        reply.code(answer.status === 201 ? 201 : 200);
        // A kept answer is given as it was, even where an earlier version made it with fewer fields.
        return answer.body as ListingView;
      },
    );

    api.get(
      '/v1/listings/:id',
      {
        config: { roles: readers },
        schema: {
          summary: 'One listing with its assessment',
          tags: ['listings'],
          params: z.object({ id: z.uuid('must be the id of a listing') }),
          response: { 200: ListingView, 404: Problem },
        },
      },
      async (request) => {
        const listing = await findListing(store.db, request.params.id);
        if (listing === null)
          throw new AppError('LISTING_NOT_FOUND', 404, `there is no listing ${request.params.id}`);
        return viewListing(listing, services, { terms: true });
      },
    );

    api.get(
      '/v1/listings',
      {
        config: { roles: readers },
        schema: {
          summary: 'Listings, newest first',
          tags: ['listings'],
          querystring: Query,
          response: {
            200: z.object({ listings: z.array(ListingView), nextCursor: z.uuid().nullable() }),
            422: Problem,
          },
        },
      },
      async (request) => {
        const { limit, cursor, ...filter } = request.query;
        // One more than asked for tells whether there is a next page.
        const found = await listListings(store.db, filter, limit + 1, cursor ?? null);
        const page = found.slice(0, limit);
        return {
          listings: page.map((listing) => viewListing(listing, services, { terms: false })),
          nextCursor: found.length > limit ? (page.at(-1)?.id ?? null) : null,
        };
      },
    );
  };
}
