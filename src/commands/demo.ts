import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../domain/app-error.ts';
import { readListings } from '../intake/read-listings.ts';
import { receiveBatch } from '../receive-batch.ts';
import { listReviews } from '../review/list-reviews.ts';
import type { Review } from '../review/review-view.ts';
import type { Services } from '../services.ts';
import { findBatch } from '../store/batches.ts';
import { countVerdicts } from '../store/find-listings.ts';
import { formatTable, oneLine } from './table.ts';

const samplesDir = join(import.meta.dirname, '../../data/samples');
const pollMs = 50;

/** Imports the sample files, each as a batch, and waits until all of them are scored. Repeating it doubles nothing. */
export async function importSamples(services: Services): Promise<void> {
  for (const name of (await readdir(samplesDir)).sort()) {
    if (name.endsWith('.md')) continue;
    const rows = readListings(createReadStream(join(samplesDir, name)), { now: new Date() });
    const upload = { name, createdBy: null, idempotencyKey: null };
    const { batchId } = await receiveBatch(rows, upload, {
      db: services.store.db,
      ring: services.queue.ring,
      limits: services.config.batches,
    });
    for (;;) {
      const batch = await findBatch(services.store.db, batchId);
      if (batch === null) throw new Error('the batch just received cannot be found');
      if (batch.rows.failed > 0)
        throw new AppError('SAMPLES_FAILED', 500, `${name} could not be scored; see the log above`);
      if (batch.done) break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}

/** What was flagged and why, for a terminal. */
export async function describeFlags(services: Services, limit: number): Promise<string> {
  const counts = await countVerdicts(services.store.db);
  const reviews = await listReviews(services.store.db, 'waiting', limit);
  const rows = reviews.map((review) => [
    review.assessment.probability.toFixed(2),
    review.listing.platform,
    oneLine(review.listing.seller ?? '–', 18),
    oneLine(review.listing.text, 48),
    oneLine(whyFlagged(review), 60),
  ]);
  const all = counts.flag + counts.watch + counts.clear;
  return [
    formatTable(['probability', 'platform', 'seller', 'text', 'why'], rows),
    '',
    `${all} listings: ${counts.flag} flagged, ${counts.watch} to watch, ${counts.clear} clear.`,
  ].join('\n');
}

/** The words that speak most for the offence, strongest first, each with the elements it speaks for. */
function whyFlagged({ assessment, listing }: Review): string {
  const speaking = assessment.spans.filter(
    ({ weight, element, picture }) =>
      weight > 0 && element !== 'clothing' && element !== 'offered' && picture === undefined,
  );
  const byWords = Map.groupBy(speaking, ({ start, end }) => listing.text.slice(start, end));
  return [...byWords]
    .map(([words, spans]) => ({
      words: `${words} (${[...new Set(spans.map(({ element }) => element))].join(', ')})`,
      weight: spans.reduce((sum, { weight }) => sum + weight, 0),
    }))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, 3)
    .map(({ words }) => words)
    .join(' · ');
}
