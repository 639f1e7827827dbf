import fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { AppError } from '../../src/domain/app-error.ts';
import { claimReviews } from '../../src/review/claim-reviews.ts';
import { decideReview } from '../../src/review/decide-review.ts';
import { type ClaimTicket, releaseClaim, renewClaim, skipReview } from '../../src/review/hold-claim.ts';
import { undoDecision } from '../../src/review/undo-decision.ts';
import { createApiKey } from '../../src/store/api-keys.ts';
import type { Db } from '../../src/store/db.ts';
import { describeEachEngine } from '../store/each-engine.ts';
import { anAssessed, saveAndFlag } from '../store/make-listings.ts';

/** What a reviewer, or fate, may do next. `oversleep` lets the lease run out; `forget` is a browser that crashed. */
const action = fc.constantFrom(
  'claim',
  'decide',
  'renew',
  'release',
  'skip',
  'undo',
  'oversleep',
  'forget',
  'decide late',
  'repeat',
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

const leaseMs = 60_000;
const confirm = { outcome: 'confirmed' as const, elements: [], reason: 'bal' };
const refusals = new Set(['CLAIM_STALE', 'NOTHING_TO_UNDO', 'REVIEW_SUPERSEDED']);

type Accepted = { reviewId: string; token: number; decisionId: string };

/** One reviewer at work, with the tickets they hold and those they only believe they hold. */
class Reviewer {
  readonly accepted: Accepted[] = [];
  readonly staleAccepted: ClaimTicket[] = [];
  readonly tokensSeen: ClaimTicket[] = [];
  readonly #held: ClaimTicket[] = [];
  readonly #stale: ClaimTicket[] = [];
  readonly #db: Db;
  readonly #id: string;

  constructor(db: Db, id: string) {
    this.#db = db;
    this.#id = id;
  }

  async act(what: Action): Promise<void> {
    try {
      await this.#try(what);
    } catch (error) {
      if (!(error instanceof AppError && refusals.has(error.code))) throw error;
    }
  }

  async #try(what: Action): Promise<void> {
    const db = this.#db;
    const held = this.#held.at(-1);
    if (what === 'claim') {
      for (const { id, claim } of await claimReviews(db, this.#id, { limit: 2, leaseMs })) {
        const ticket = { reviewId: id, reviewerId: this.#id, token: claim.token };
        this.tokensSeen.push(ticket);
        this.#held.push(ticket);
      }
    } else if (what === 'decide late' || what === 'repeat') {
      const stale = this.#stale.at(-1);
      if (stale === undefined) return;
      const written = await decideReview(db, stale, confirm);
      // The answer to a repeated decision is the old decision; anything else would be a stale token that counted.
      if (!this.accepted.some(({ decisionId }) => decisionId === written.decisionId))
        this.staleAccepted.push(stale);
    } else if (what === 'undo') {
      const last = this.accepted.at(-1);
      if (last === undefined) return;
      const { claim } = await undoDecision(
        db,
        { reviewId: last.reviewId, reviewerId: this.#id },
        { withinMs: leaseMs, leaseMs },
      );
      const ticket = { reviewId: last.reviewId, reviewerId: this.#id, token: claim.token };
      this.tokensSeen.push(ticket);
      this.#held.push(ticket);
    } else if (held !== undefined) {
      this.#held.pop();
      if (what === 'oversleep') {
        await db
          .updateTable('review')
          .set({ claim_expires_at: sql<Date>`clock_timestamp() - interval '1 second'` })
          .where('id', '=', held.reviewId)
          .where('claim_token', '=', held.token)
          .where('claimed_by', '=', this.#id)
          .execute();
        this.#stale.push(held);
      } else if (what === 'decide') {
        const { decisionId } = await decideReview(db, held, confirm);
        this.accepted.push({ reviewId: held.reviewId, token: held.token, decisionId });
        this.#stale.push(held);
      } else if (what === 'renew') {
        await renewClaim(db, held, leaseMs);
        this.#held.push(held);
      } else if (what === 'release') {
        await releaseClaim(db, held);
        this.#stale.push(held);
      } else if (what === 'skip') {
        await skipReview(db, held);
        this.#stale.push(held);
      }
    }
  }
}

async function drain(db: Db, reviewerId: string): Promise<void> {
  await db.deleteFrom('review_skip').execute();
  await db
    .updateTable('review')
    .set({ claim_expires_at: sql<Date>`clock_timestamp() - interval '1 second'` })
    .where('claim_expires_at', 'is not', null)
    .execute();
  for (;;) {
    const claimed = await claimReviews(db, reviewerId, { limit: 20, leaseMs });
    if (claimed.length === 0) return;
    for (const { id, claim } of claimed)
      await decideReview(db, { reviewId: id, reviewerId, token: claim.token }, confirm);
  }
}

describeEachEngine('many reviewers at once', (getStore) => {
  test('no two hold one review, stale tokens never count, and nothing is lost', async () => {
    const { db, engine } = getStore();
    const reviewers = engine === 'postgres' ? 10 : 3;
    const listings = engine === 'postgres' ? 120 : 20;
    const steps = engine === 'postgres' ? 40 : 15;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(action, { minLength: steps, maxLength: steps }), {
          minLength: reviewers,
          maxLength: reviewers,
        }),
        async (plans) => {
          await sql`truncate listing, api_key cascade`.execute(db);
          await saveAndFlag(
            db,
            Array.from({ length: listings }, (_, n) =>
              anAssessed({ platform: 'x', postId: `${n}`, text: `bal ${n}` }, { priority: (n % 10) / 10 }),
            ),
          );
          const people = await Promise.all(
            plans.map(
              async (_plan, n) =>
                new Reviewer(db, (await createApiKey(db, { name: `r${n}`, role: 'reviewer' })).id),
            ),
          );
          await Promise.all(
            people.map(async (person, n) => {
              for (const what of plans[n] ?? []) await person.act(what);
            }),
          );
          expect(people.flatMap((person) => person.staleAccepted)).toEqual([]);
          // A token is given once: had two people held one review at once, both would have the same token of it.
          const tokens = people
            .flatMap((person) => person.tokensSeen)
            .map(({ reviewId, token }) => `${reviewId} ${token}`);
          expect(new Set(tokens).size).toBe(tokens.length);
          const accepted = people.flatMap((person) => person.accepted);
          expect(new Set(accepted.map(({ reviewId, token }) => `${reviewId} ${token}`)).size).toBe(
            accepted.length,
          );
          const written = await db.selectFrom('decision').select('id').execute();
          expect(written.map(({ id }) => id).sort()).toEqual(
            accepted.map(({ decisionId }) => decisionId).sort(),
          );

          await drain(db, (await createApiKey(db, { name: 'last', role: 'reviewer' })).id);
          const standing = await db
            .selectFrom('decision')
            .select('review_id')
            .where('undone_at', 'is', null)
            .execute();
          expect(standing).toHaveLength(listings);
          expect(new Set(standing.map(({ review_id }) => review_id)).size).toBe(listings);
          const states = await db.selectFrom('review').select('state').distinct().execute();
          expect(states).toEqual([{ state: 'decided' }]);
        },
      ),
      { numRuns: engine === 'postgres' ? 8 : 2, seed: 20261124, endOnFailure: true },
    );
  }, 120_000);
});
