import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Platform } from '../../domain/listing.ts';
import { Decision, Outcome } from '../../domain/review.ts';
import { claimReviews } from '../../review/claim-reviews.ts';
import { decideReview } from '../../review/decide-review.ts';
import { mostDuplicatesShown } from '../../review/find-duplicates.ts';
import { releaseClaim, renewClaim, skipReview } from '../../review/hold-claim.ts';
import { listReviews, queueStats } from '../../review/list-reviews.ts';
import type { Review } from '../../review/review-view.ts';
import { undoDecision } from '../../review/undo-decision.ts';
import type { Services } from '../../services.ts';
import { AssessmentView, viewAssessment } from '../assessment-view.ts';
import { requireKey } from '../authenticate.ts';
import { type PictureSet, PictureView, picturesOf } from '../picture-view.ts';
import { Problem } from '../problems.ts';

const Time = z.iso.datetime();
const Claim = z.object({ token: z.int(), expiresAt: Time });

const ReviewView = z.object({
  id: z.uuid(),
  revision: z.int(),
  priority: z.number(),
  createdAt: Time,
  listing: z.object({
    id: z.uuid(),
    platform: Platform,
    postId: z.string().nullable(),
    url: z.string().nullable(),
    seller: z.string().nullable(),
    text: z.string(),
    imageUrls: z.array(z.string()),
    pictures: z.array(PictureView),
    postedAt: Time.nullable(),
  }),
  assessment: AssessmentView.extend({ id: z.uuid() }),
  /** Texts like this one; null where the text has too few words to tell. */
  duplicates: z
    .object({
      groupId: z.uuid(),
      /** Reviews of the group that wait, this one included. */
      waiting: z.int(),
      /** Standing decisions of the group, of the newest 1,000. */
      decided: z.record(Outcome, z.int()),
      /** Those that may be decided along with this one; empty in lists. */
      listings: z.array(
        z.object({
          reviewId: z.uuid(),
          revision: z.int(),
          listingId: z.uuid(),
          platform: Platform,
          seller: z.string().nullable(),
          url: z.string().nullable(),
          /** Where its text is not this one's, at most 200 units of it; null where it is the very same. */
          differs: z.object({ start: z.int(), end: z.int(), text: z.string() }).nullable(),
        }),
      ),
    })
    .nullable(),
  claim: Claim.nullable(),
});
type ReviewView = z.infer<typeof ReviewView>;

async function viewReviews(
  reviews: readonly Review[],
  services: Services,
  include: { terms: boolean },
): Promise<ReviewView[]> {
  const sets = await picturesOf(
    services.store.db,
    reviews.map(({ listing, assessment }) => ({ id: listing.id, captures: assessment.captures })),
  );
  return reviews.map((review, index) =>
    viewReview(review, sets[index] ?? { pictures: [], texts: [] }, services, include),
  );
}

function viewReview(
  { claim, ...review }: Review,
  { pictures, texts }: PictureSet,
  services: Services,
  include: { terms: boolean },
): ReviewView {
  const { id, revision, priority, listing, assessment, duplicates } = review;
  return {
    id,
    revision,
    priority,
    createdAt: review.createdAt.toISOString(),
    listing: { ...listing, pictures, postedAt: listing.postedAt?.toISOString() ?? null },
    assessment: viewAssessment(listing.text, texts, assessment, services, include),
    duplicates,
    claim: claim === null ? null : viewClaim(claim),
  };
}

function viewClaim(claim: { token: number; expiresAt: Date }): z.infer<typeof Claim> {
  return { token: claim.token, expiresAt: claim.expiresAt.toISOString() };
}

const config = { roles: ['reviewer'] as const };
const tags = ['reviews'];
const params = z.object({ id: z.uuid('must be the id of a review') });
const WithToken = z.strictObject({ token: z.int().min(1) });
const refusals = { 404: Problem, 409: Problem, 422: Problem };

/** The review queue: claim, renew, release, skip, decide, undo. */
export function reviewRoutes(services: Services): FastifyPluginAsyncZod {
  const {
    store: { db },
    config: settings,
    metrics,
  } = services;
  const leaseMs = settings.review.claimMs;
  return async (api) => {
    api.post(
      '/v1/reviews/claim',
      {
        config,
        schema: {
          summary: 'Claim the next reviews by priority',
          description:
            'Each is yours until claim.expiresAt. Of near-duplicates one is given and shows up to 50 others in duplicates.listings. Every later call on it carries claim.token; a token that is no longer the newest is refused with 409. An empty queue gives an empty list.',
          tags,
          body: z.strictObject({ limit: z.int().min(1).max(20).default(1) }).default({ limit: 1 }),
          response: { 200: z.object({ reviews: z.array(ReviewView) }), 422: Problem },
        },
      },
      async (request) => {
        const claimed = await claimReviews(db, requireKey(request).id, {
          limit: request.body.limit,
          leaseMs,
        });
        return { reviews: await viewReviews(claimed, services, { terms: true }) };
      },
    );

    api.post(
      '/v1/reviews/:id/renew',
      {
        config,
        schema: {
          summary: 'Hold a claim longer',
          tags,
          params,
          body: WithToken,
          response: { 200: Claim, ...refusals },
        },
      },
      async (request) => {
        const ticket = {
          reviewId: request.params.id,
          reviewerId: requireKey(request).id,
          token: request.body.token,
        };
        return viewClaim(await renewClaim(db, ticket, leaseMs));
      },
    );

    api.post(
      '/v1/reviews/:id/release',
      {
        config,
        schema: {
          summary: 'Give a claim back',
          tags,
          params,
          body: WithToken,
          response: { 204: z.null(), ...refusals },
        },
      },
      async (request, reply) => {
        await releaseClaim(db, {
          reviewId: request.params.id,
          reviewerId: requireKey(request).id,
          token: request.body.token,
        });
        return reply.code(204).send(null);
      },
    );

    api.post(
      '/v1/reviews/:id/skip',
      {
        config,
        schema: {
          summary: 'Give a claim back and not be given it again for a while',
          tags,
          params,
          body: WithToken,
          response: { 204: z.null(), ...refusals },
        },
      },
      async (request, reply) => {
        await skipReview(db, {
          reviewId: request.params.id,
          reviewerId: requireKey(request).id,
          token: request.body.token,
        });
        return reply.code(204).send(null);
      },
    );

    api.post(
      '/v1/reviews/:id/decide',
      {
        config,
        schema: {
          summary: 'Confirm, dismiss or escalate',
          description:
            'alsoReviews are near-duplicates shown with the claim that get the same decision, all or none; those left out keep waiting. The revision is the one that was shown: a post changed since is refused.',
          tags,
          params,
          body: Decision.extend({
            token: z.int().min(1),
            alsoReviews: z
              .array(z.strictObject({ reviewId: z.uuid(), revision: z.int().min(1) }))
              .max(mostDuplicatesShown, `must name at most ${mostDuplicatesShown} reviews`)
              .default([]),
          }),
          response: {
            200: z.object({ decisionId: z.uuid(), outcome: Outcome, decidedAt: Time, undoableUntil: Time }),
            ...refusals,
          },
        },
      },
      async (request) => {
        const { token, alsoReviews, ...decision } = request.body;
        const claim = { reviewId: request.params.id, reviewerId: requireKey(request).id, token };
        const { decisionId, decidedAt } = await decideReview(db, claim, decision, alsoReviews);
        metrics.countDecision(decision.outcome);
        services.ringSoon();
        return {
          decisionId,
          outcome: decision.outcome,
          decidedAt: decidedAt.toISOString(),
          undoableUntil: new Date(decidedAt.getTime() + settings.review.undoMs).toISOString(),
        };
      },
    );

    api.post(
      '/v1/reviews/:id/undo',
      {
        config,
        schema: {
          summary:
            'Take your own decision back, and all that the same call decided; the review is yours again',
          tags,
          params,
          response: { 200: ReviewView, ...refusals },
        },
      },
      async (request) => {
        const mine = { reviewId: request.params.id, reviewerId: requireKey(request).id };
        const reopened = await undoDecision(db, mine, { withinMs: settings.review.undoMs, leaseMs });
        metrics.countDecision('undone');
        services.ringSoon();
        const [view] = await viewReviews([reopened], services, { terms: true });
        if (view === undefined) throw new Error('a reopened review cannot be shown');
        return view;
      },
    );

    api.get(
      '/v1/reviews',
      {
        config: { roles: ['analyst', 'reviewer'] },
        schema: {
          summary:
            'Waiting reviews in the order in which they are claimed, near-duplicates once, or decided ones',
          tags,
          querystring: z.strictObject({
            state: z.enum(['waiting', 'decided']).default('waiting'),
            limit: z.coerce.number().int().min(1).max(200).default(50),
          }),
          response: { 200: z.object({ reviews: z.array(ReviewView) }), 422: Problem },
        },
      },
      async (request) => {
        const found = await listReviews(db, request.query.state, request.query.limit);
        // A token is for its holder alone.
        const views = await viewReviews(found, services, { terms: false });
        return { reviews: views.map((view) => ({ ...view, claim: null })) };
      },
    );

    api.get(
      '/v1/reviews/stats',
      {
        config: { roles: ['analyst', 'reviewer'] },
        schema: {
          summary: 'How full the queue is',
          tags,
          response: {
            200: z.object({
              waiting: z.int(),
              /** Near-duplicates that wait count once. */
              cards: z.int(),
              claimed: z.int(),
              oldestWaitingSeconds: z.number().nullable(),
              decided: z.record(Outcome, z.int()),
            }),
          },
        },
      },
      async () => await queueStats(db),
    );
  };
}
