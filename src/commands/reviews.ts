import { z } from 'zod';
import type { Config } from '../config.ts';
import { listReviews } from '../review/list-reviews.ts';
import { openStore } from '../store/db.ts';
import { askService, type ServiceAddress } from './service-client.ts';
import { formatTable, oneLine } from './table.ts';

const Listed = z.object({
  id: z.string(),
  priority: z.number(),
  createdAt: z.union([z.string(), z.date()]),
  listing: z.object({ platform: z.string(), seller: z.string().nullable(), text: z.string() }),
  assessment: z.object({ probability: z.number() }),
  duplicates: z.object({ waiting: z.number() }).nullable(),
});
type Listed = z.infer<typeof Listed>;

/** Lists the review queue of a running service, or of the configured store while no service holds it. */
export async function listQueue(
  options: { state: 'waiting' | 'decided'; limit: number },
  config: Config,
  service: ServiceAddress | null,
): Promise<Listed[]> {
  if (service !== null) {
    const path = `/v1/reviews?state=${options.state}&limit=${options.limit}`;
    return (await askService(service, { method: 'GET', path }, z.object({ reviews: z.array(Listed) })))
      .reviews;
  }
  const store = await openStore(config.store);
  try {
    return await listReviews(store.db, options.state, options.limit);
  } finally {
    await store.close();
  }
}

/** The queue as a table for a terminal; `alike` counts what waits of a row's near-duplicates, itself included. */
export function formatQueue(reviews: readonly Listed[]): string {
  if (reviews.length === 0) return 'The queue is empty.';
  const rows = reviews.map(({ id, priority, listing, assessment, duplicates }) => [
    id,
    priority.toFixed(2),
    assessment.probability.toFixed(2),
    duplicates === null ? '–' : `${duplicates.waiting}`,
    listing.platform,
    oneLine(listing.seller ?? '–', 18),
    oneLine(listing.text, 60),
  ]);
  return formatTable(['review', 'priority', 'probability', 'alike', 'platform', 'seller', 'text'], rows);
}
