import { z } from 'zod';
import type { Random } from '../../src/classifier/random.ts';
import type { ListingMaker } from '../night/listings.ts';
import type { Caller, Client } from './client.ts';
import type { Latencies } from './latencies.ts';

const Page = z.object({ listings: z.array(z.object({ id: z.string() })), nextCursor: z.string().nullable() });

/** What analysts do, in shares that add up to 1. */
const mix = { score: 0.6, store: 0.2, page: 0.15, read: 0.05 };
const pageSize = 20;
/** Of a service that is overrun no more is asked than this process can hold. */
const mostUnderWay = 5_000;

/**
 * Analysts who ask on their own account: requests come at random moments, at a rate that does not depend on how quickly
 * earlier ones are answered. A request's time counts from the moment it was due, so that waiting is not hidden by asking
 * later (coordinated omission).
 */
export function startAnalysts(options: {
  client: Client;
  analysts: readonly Caller[];
  /** All analysts together. */
  requestsPerSecond: number;
  make: ListingMaker;
  random: Random;
  /** Where requests that could not be sent are remembered. */
  latencies(): Latencies;
  /** How late this process was itself, which is in every time it measures. */
  lateness(): Latencies;
}): { stop(): Promise<void> } {
  const { client, analysts, requestsPerSecond, make, random } = options;
  const underWay = new Set<Promise<void>>();
  let stopped = false;
  let made = 0;
  let dueMs = performance.now();
  let cursor: string | null = null;
  let known: string | null = null;
  let timer: NodeJS.Timeout;

  async function askOne(due: number): Promise<void> {
    const caller = analysts[Math.floor(random() * analysts.length)];
    if (caller === undefined) throw new Error('there are no analysts');
    const draw = random();
    if (draw < mix.score) {
      const { text } = make(made++);
      const question = { kind: 'analyst: POST /v1/score', method: 'POST', path: '/v1/score' } as const;
      await client.ask({ ...question, body: { text }, caller, dueMs: due }, z.unknown());
    } else if (draw < mix.score + mix.store) {
      const { id: _id, ...listing } = make(made++);
      const question = { kind: 'analyst: POST /v1/listings', method: 'POST', path: '/v1/listings' } as const;
      await client.ask({ ...question, body: listing, caller, dueMs: due }, z.unknown());
    } else if (draw < 1 - mix.read || known === null) {
      // Some look at the newest, some at what is flagged, some go on to the next page.
      const filter = random() < 0.5 ? '&verdict=flag' : '';
      const after: string = cursor !== null && random() < 0.3 ? `&cursor=${cursor}` : '';
      const path = `/v1/listings?limit=${pageSize}${filter}${after}`;
      const page: z.infer<typeof Page> | null = await client.ask(
        { kind: 'analyst: GET /v1/listings', method: 'GET', path, caller, dueMs: due },
        Page,
      );
      cursor = page?.nextCursor ?? null;
      known = page?.listings[0]?.id ?? known;
    } else {
      const path = `/v1/listings/${known}`;
      await client.ask(
        { kind: 'analyst: GET /v1/listings/:id', method: 'GET', path, caller, dueMs: due },
        z.unknown(),
      );
    }
  }

  function askDue(): void {
    for (let now = performance.now(); dueMs <= now && !stopped; ) {
      options.lateness().record('client', now - dueMs);
      if (underWay.size < mostUnderWay) {
        const asking = askOne(dueMs).finally(() => underWay.delete(asking));
        underWay.add(asking);
      } else options.latencies().fail('analyst: not sent', `${mostUnderWay} requests wait for an answer`);
      // Exponential gaps: callers who know nothing of each other.
      dueMs += (-Math.log(1 - random()) / requestsPerSecond) * 1_000;
    }
    if (!stopped) timer = setTimeout(askDue, Math.max(0, dueMs - performance.now()));
  }

  timer = setTimeout(askDue, 0);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await Promise.all(underWay);
    },
  };
}
