import { request } from 'undici';
import { z } from 'zod';
import { percentile } from '../load/latencies.ts';
import { type ProcessesByPart, sum, watchProcessors } from '../night/processor-time.ts';
import type { Service } from '../night/send-batch.ts';

/** Milliseconds of one kind of request; those of processors are the service's and its database's, on average. */
export type ReadTimes = { kind: string; p50: number; p99: number; processorMs: number };

const Page = z.object({
  listings: z.array(z.object({ id: z.string(), seller: z.string().nullable() })),
  nextCursor: z.string().nullable(),
});
const Claimed = z.object({
  reviews: z.array(z.object({ id: z.string(), claim: z.object({ token: z.int() }) })),
});

/** What is asked of the service at each size, by what it is called in the table. */
type Reads = Record<string, () => Promise<void>>;

/**
 * What people ask of a store of any size, ready to be asked.
 *
 * @param batchId a batch that is done
 * @param middleId the id of a listing in the middle of the table
 */
export async function readsOf(
  { address, key }: Service,
  { batchId, middleId }: { batchId: string; middleId: string },
): Promise<Reads> {
  const headers = { authorization: `Bearer ${key}` };
  async function ask(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const response = await request(`${address}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${path}: ${response.statusCode} ${text}`);
    return (response.headers['content-type'] ?? '').includes('application/json') && text !== ''
      ? JSON.parse(text)
      : null;
  }
  const get = (path: string) => async () => {
    await ask('GET', path);
  };
  const newest = Page.parse(await ask('GET', '/v1/listings?limit=50'));
  const seller = newest.listings.find((listing) => listing.seller !== null)?.seller ?? '';
  const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
  const claims: { id: string; token: number }[] = [];
  return {
    'claim of one': async () => {
      const { reviews } = Claimed.parse(await ask('POST', '/v1/reviews/claim', { limit: 1 }));
      for (const { id, claim } of reviews) claims.push({ id, token: claim.token });
    },
    'release of one': async () => {
      const claim = claims.pop();
      if (claim !== undefined) await ask('POST', `/v1/reviews/${claim.id}/release`, { token: claim.token });
    },
    'listings, newest': get('/v1/listings'),
    'listings, flagged': get('/v1/listings?verdict=flag'),
    'listings, of a seller': get(`/v1/listings?seller=${encodeURIComponent(seller)}`),
    'listings, of a rare platform': get('/v1/listings?platform=tokopedia'),
    'listings, of a rare platform, flagged': get('/v1/listings?platform=tokopedia&verdict=flag'),
    'listings, probability from 0.99': get('/v1/listings?minProbability=0.99'),
    'listings, of the last hour': get(`/v1/listings?receivedFrom=${hourAgo}`),
    'listings, before an hour ago': get(`/v1/listings?receivedBefore=${hourAgo}`),
    'listings, from the middle on': get(`/v1/listings?cursor=${middleId}`),
    'reviews, waiting': get('/v1/reviews'),
    'reviews, counts': get('/v1/reviews/stats'),
    batch: get(`/v1/batches/${batchId}`),
    'results of a batch': get(`/v1/batches/${batchId}/results`),
    metrics: get('/metrics'),
  };
}

/** Asks each again and again, one after the other. */
export async function timeReads(reads: Reads, parts: ProcessesByPart, repeats: number): Promise<ReadTimes[]> {
  const times: ReadTimes[] = [];
  for (const [kind, read] of Object.entries(reads)) {
    const took = new Float64Array(repeats);
    const since = watchProcessors(parts);
    for (let n = 0; n < repeats; n += 1) {
      const began = performance.now();
      await read();
      took[n] = performance.now() - began;
    }
    const { sender: _sender, ...processors } = since().took;
    const processorMs = (sum(Object.values(processors)) / repeats) * 1_000;
    took.sort();
    times.push({ kind, p50: percentile(took, 50), p99: percentile(took, 99), processorMs });
  }
  return times;
}
