/**
 * The naive way's half that takes a file: the same reading and checking as saring's, then one BullMQ job per listing. It is
 * told a file by its parent process and says when all its jobs are in the queue.
 */
import { createReadStream } from 'node:fs';
import { Queue } from 'bullmq';
import { z } from 'zod';
import type { Listing } from '../../src/domain/listing.ts';
import { readListings } from '../../src/intake/read-listings.ts';

/** Kind to the naive way: most would wait for every single job. */
const jobsAtOnce = 500;

const { REDIS_URL } = z.object({ REDIS_URL: z.url() }).parse(process.env);
const queue = new Queue('naive', { connection: { url: REDIS_URL } });

async function send(file: string): Promise<void> {
  let jobs: { name: string; data: Listing; opts: object }[] = [];
  for await (const row of readListings(createReadStream(file), { now: new Date() })) {
    if (!('listing' in row)) throw new Error(`line ${row.line}: ${row.problem}`);
    jobs.push({
      name: 'listing',
      data: row.listing,
      opts: { removeOnComplete: true, attempts: 8, backoff: { type: 'exponential', delay: 1_000 } },
    });
    if (jobs.length < jobsAtOnce) continue;
    await queue.addBulk(jobs);
    jobs = [];
  }
  await queue.addBulk(jobs);
  process.send?.({ sent: file });
}

process.on('message', (message) => void send(z.object({ file: z.string() }).parse(message).file));
process.on('disconnect', () => void queue.close());
process.send?.({ ready: true });
