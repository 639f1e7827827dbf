/**
 * The naive way's other half: each job is one listing, scored alone and stored by one insert per table, each its own
 * transaction. No retry is made safe, no batch is counted, no post is recognised: that is what saring does besides. It is
 * told how many listings are to come by its parent process and says when they are stored.
 */
import { Worker } from 'bullmq';
import pg from 'pg';
import { v7 as uuid } from 'uuid';
import { z } from 'zod';
import { loadClassifier } from '../../src/classifier/classifier.ts';
import { currentModelDir } from '../../src/classifier/current-model.ts';
import { readConfig } from '../../src/config.ts';
import type { Listing } from '../../src/domain/listing.ts';
import { assess } from '../../src/triage/triage.ts';

const { DATABASE_URL, REDIS_URL, NAIVE_CONCURRENCY } = z
  .object({ DATABASE_URL: z.url(), REDIS_URL: z.url(), NAIVE_CONCURRENCY: z.coerce.number().int().min(1) })
  .parse(process.env);
const { models } = readConfig(process.env);
const classifier = await loadClassifier({
  modelDir: await currentModelDir(models.dir, models.version),
  backend: models.backend,
});
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
let stored = 0;
let expected = Number.POSITIVE_INFINITY;

async function store(listing: Listing): Promise<void> {
  const assessment = assess(await classifier.score(listing.text), classifier.policy);
  const { clothing, used, imported, offered, bulk } = assessment.elements;
  const [listingId, assessmentId] = [uuid(), uuid()];
  await pool.query({
    name: 'listing',
    text: `insert into listing
      (id, platform, post_id, url, seller, text, image_urls, posted_at, revision, assessment_id, verdict, probability)
      values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11)`,
    values: [
      ...[listingId, listing.platform, listing.postId, listing.url, listing.seller, listing.text],
      ...[JSON.stringify(listing.imageUrls), listing.postedAt],
      ...[assessmentId, assessment.verdict, assessment.probability],
    ],
  });
  await pool.query({
    name: 'assessment',
    text: `insert into assessment
      (id, listing_id, revision, model_version, policy_version, probability, clothing, used, imported, offered, bulk,
       spans, verdict, priority)
      values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    values: [
      ...[assessmentId, listingId, assessment.modelVersion, assessment.policyVersion, assessment.probability],
      ...[clothing, used, imported, offered, bulk],
      ...[JSON.stringify(assessment.spans), assessment.verdict, assessment.priority],
    ],
  });
  if (assessment.verdict === 'flag')
    await pool.query({
      name: 'review',
      text: `insert into review (id, listing_id, revision, assessment_id, state, priority)
        values ($1, $2, 1, $3, 'waiting', $4)`,
      values: [uuid(), listingId, assessmentId, assessment.priority],
    });
}

const worker = new Worker<Listing>(
  'naive',
  async (job) => {
    await store(job.data);
    stored += 1;
    if (stored === expected) process.send?.({ stored });
  },
  { connection: { url: REDIS_URL }, concurrency: NAIVE_CONCURRENCY },
);
worker.on('failed', (_job, error) => {
  throw error;
});
process.on('message', (message) => {
  expected = stored + z.object({ expect: z.int() }).parse(message).expect;
});
process.on('disconnect', async () => {
  await worker.close();
  await pool.end();
  process.exit();
});
await worker.waitUntilReady();
process.send?.({ ready: true });
