import { createHash } from 'node:crypto';
import multipart from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { FreshCapture } from '../../capture-pictures.ts';
import { AppError } from '../../domain/app-error.ts';
import { futureIssue, Listing, Platform } from '../../domain/listing.ts';
import { Verdict } from '../../domain/policy.ts';
import { PictureError } from '../../images/picture-error.ts';
import type { Services } from '../../services.ts';
import type { Db } from '../../store/db.ts';
import { findListing, listListings, type StoredListing } from '../../store/find-listings.ts';
import { requireKey } from '../authenticate.ts';
import { IdempotencyKey } from '../idempotency-key.ts';
import { type PictureSet, picturesOf } from '../picture-view.ts';
import { Problem } from '../problems.ts';
import { readUploads, refusedUpload } from '../read-uploads.ts';
import { invalidInput } from '../validate.ts';
import { ListingView, viewListing, viewListings } from '../views.ts';

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

const noPictures: PictureSet = { pictures: [], texts: [] };

async function pictureSetOf(db: Db, { id, assessment }: StoredListing): Promise<PictureSet> {
  const [set] = await picturesOf(db, [{ id, captures: assessment.captures }]);
  return set ?? noPictures;
}

/** Listings: stored and assessed on arrival, read one by one or page by page. */
export function listingRoutes(services: Services): FastifyPluginAsyncZod {
  const { assessor, store, pictures } = services;

  /** Freezes the pictures that came with a request; the first that is none refuses it. */
  async function freezeUploads({ uploads }: FastifyRequest): Promise<FreshCapture[]> {
    const frozen: FreshCapture[] = [];
    for (const { field, bytes } of uploads ?? []) {
      frozen.push(
        await pictures.freeze(bytes).catch((error: unknown) => {
          throw error instanceof PictureError ? refusedUpload(field, error) : error;
        }),
      );
    }
    return frozen;
  }

  return async (api) => {
    await api.register(multipart);
    api.decorateRequest('uploads', null);
    const limits = { mostBytes: pictures.mostBytes, usualLimit: services.config.http.bodyLimitBytes };
    const takeUploads = (request: FastifyRequest) => readUploads(request, limits);

    api.post(
      '/v1/listings',
      {
        config: { roles: ['analyst', 'batch'] },
        bodyLimit: pictures.mostRequestBytes,
        preValidation: takeUploads,
        schema: {
          summary: 'Store and score a listing; a flagged one is queued for review',
          description:
            'The same platform and postId again is the same listing: 201 the first time, 200 after. Pictures are fetched from imageUrls in the background, and what they show leads to a second scoring. Pictures may also come along: as data: addresses in imageUrls, or as files of multipart/form-data whose field "listing" is the listing as JSON.',
          tags: ['listings'],
          headers: IdempotencyKey,
          body: Listing,
          response: { 200: ListingView, 201: ListingView, 422: Problem },
        },
      },
      async (request, reply) => {
        const future = futureIssue(request.body, new Date());
        if (future !== null) throw invalidInput([future]);
        const uploads = await freezeUploads(request);
        const key = request.headers['idempotency-key'];
        const repeat =
          key === undefined
            ? null
            : {
                apiKeyId: requireKey(request).id,
                key,
                requestHash: createHash('sha256')
                  .update(
                    JSON.stringify([
                      'POST /v1/listings',
                      request.body,
                      ...uploads.map(({ sha256 }) => sha256),
                    ]),
                  )
                  .digest('hex'),
              };
        const present = async (stored: StoredListing, created: boolean, trx: Db) => ({
          status: created ? 201 : 200,
          // A new one without any need not be asked for its pictures.
          body: viewListing(
            stored,
            created && stored.imageUrls.length === 0 && uploads.length === 0
              ? noPictures
              : await pictureSetOf(trx, stored),
            services,
            { terms: true },
          ),
        });
        const answer = await assessor.submit(request.body, repeat, present, uploads);
        services.ringSoon();
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
        return viewListing(listing, await pictureSetOf(store.db, listing), services, { terms: true });
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
        const sets = await picturesOf(
          store.db,
          page.map(({ id, assessment }) => ({ id, captures: assessment.captures })),
        );
        return {
          listings: viewListings(page, sets, services, { terms: false }),
          nextCursor: found.length > limit ? (page.at(-1)?.id ?? null) : null,
        };
      },
    );
  };
}
