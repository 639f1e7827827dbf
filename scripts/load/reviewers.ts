import { z } from 'zod';
import type { Random } from '../../src/classifier/random.ts';
import type { Caller, Client } from './client.ts';

const Claimed = z.object({
  reviews: z.array(z.object({ id: z.string(), claim: z.object({ token: z.int() }).nullable() })),
});

const thinkMs = { least: 300, most: 3_000 };
/** Of a reviewer who found the queue empty. */
const pauseMs = 1_000;
/** What reviewers do with a claim besides deciding it, as shares. */
const skips = 0.08;
const releases = 0.04;
/** Of decisions that are thought better of. */
const undone = 0.04;

/**
 * Reviewers who claim a flag, think, and decide it, or now and then skip it, give it back or take a decision back. Each
 * waits for the answer before going on, as a person does.
 */
export function startReviewers(options: { client: Client; reviewers: readonly Caller[]; random: Random }): {
  stop(): Promise<void>;
} {
  const { client, random } = options;
  const stopping = new AbortController();
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      if (stopping.signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        stopping.signal.removeEventListener('abort', done);
        resolve();
      }
      stopping.signal.addEventListener('abort', done);
    });

  async function work(caller: Caller): Promise<void> {
    // Not all at the same moment.
    await wait(random() * thinkMs.most);
    while (!stopping.signal.aborted) {
      const post = (what: string, path: string, body: unknown) =>
        ({ kind: `reviewer: ${what}`, method: 'POST', path, body, caller }) as const;
      const claimed = await client.ask(post('claim', '/v1/reviews/claim', { limit: 1 }), Claimed);
      const review = claimed?.reviews[0];
      if (review === undefined || review.claim === null) {
        await wait(pauseMs);
        continue;
      }
      await wait(thinkMs.least + random() * (thinkMs.most - thinkMs.least));
      const path = `/v1/reviews/${review.id}`;
      const { token } = review.claim;
      const draw = random();
      if (draw < skips) await client.ask(post('skip', `${path}/skip`, { token }), z.null());
      else if (draw < skips + releases)
        await client.ask(post('release', `${path}/release`, { token }), z.null());
      else await decide(post, path, token);
    }
  }

  async function decide(
    post: (what: string, path: string, body: unknown) => Parameters<Client['ask']>[0],
    path: string,
    token: number,
  ): Promise<void> {
    const outcome = random() < 0.8 ? 'confirmed' : 'dismissed';
    const elements = outcome === 'confirmed' ? ['clothing', 'used', 'imported', 'offered'] : [];
    const decision = { token, outcome, elements, reason: 'read it whole, with its pictures' };
    const decided = await client.ask(post('decide', `${path}/decide`, decision), z.unknown());
    if (decided === null || random() >= undone) return;
    const Reopened = z.object({ claim: z.object({ token: z.int() }) });
    const reopened = await client.ask(post('undo', `${path}/undo`, {}), Reopened);
    if (reopened === null) return;
    const again = { ...decision, token: reopened.claim.token, outcome: 'escalated' };
    await client.ask(post('decide', `${path}/decide`, again), z.unknown());
  }

  const working = Promise.all(options.reviewers.map(work));
  return {
    async stop() {
      stopping.abort();
      await working;
    },
  };
}
