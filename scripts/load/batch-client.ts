/**
 * Sends batches to a service, one loop for each size, and watches them, in a process of its own so that making listings
 * does not delay those who measure. It is told what to do by its parent process and tells it every time and error.
 */
import { setPriority } from 'node:os';
import { Readable } from 'node:stream';
import { request } from 'undici';
import { z } from 'zod';
import { createListingMaker, type ListingMaker, usualNight } from '../night/listings.ts';

const Orders = z.object({ address: z.url(), key: z.string(), prefix: z.string(), sizes: z.array(z.int()) });
const BatchView = z.object({ id: z.string(), done: z.boolean(), rows: z.object({ scored: z.int() }) });

const askEveryMs = 500;
/** Between two batches of a size, but for the greatest, of which one is always under way. */
const pauseMs = 3_000;
const rowsPerPiece = 100;

// The parent may run before others; this process must not.
setPriority(0);
const orders = new Promise<z.infer<typeof Orders>>((resolve) =>
  process.once('message', (message) => resolve(Orders.parse(message))),
);
const { address, key, prefix, sizes } = await orders;
const stopping = new AbortController();
process.once('message', () => stopping.abort());
process.once('disconnect', () => stopping.abort());
const headers = { authorization: `Bearer ${key}` };
const make = await createListingMaker({ ...usualNight, seed: 3, until: new Date() }, prefix);
/** Rows scored of each batch so far. */
const scored = new Map<string, number>();
let made = 0;

function tell(message: object): void {
  if (process.connected) process.send?.(message);
}

function* lines(maker: ListingMaker, rows: number): Generator<string> {
  for (let at = 0; at < rows; at += rowsPerPiece) {
    let piece = '';
    for (let row = at; row < Math.min(rows, at + rowsPerPiece); row += 1)
      piece += `${JSON.stringify(maker(made++))}\n`;
    yield piece;
  }
}

async function ask(kind: string, method: 'GET' | 'POST', path: string, rows = 0) {
  const began = performance.now();
  const body = rows === 0 ? null : Readable.from(lines(make, rows));
  const response = await request(`${address}${path}`, {
    method,
    headers: { ...headers, ...(rows === 0 ? {} : { 'content-type': 'application/x-ndjson' }) },
    body,
    headersTimeout: 0,
    bodyTimeout: 0,
    signal: stopping.signal,
  });
  const text = await response.body.text();
  if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${text}`);
  tell({ kind, tookMs: performance.now() - began });
  const batch = BatchView.parse(JSON.parse(text));
  scored.set(batch.id, batch.rows.scored);
  return batch;
}

async function sendOne(rows: number): Promise<void> {
  const began = performance.now();
  let batch = await ask(
    `batch: POST /v1/batches, ${rows} rows`,
    'POST',
    `/v1/batches?name=load-${rows}`,
    rows,
  );
  while (!batch.done) {
    await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    batch = await ask('batch: GET /v1/batches/:id', 'GET', `/v1/batches/${batch.id}`);
  }
  tell({ kind: `batch: ${rows} rows, sent to done`, tookMs: performance.now() - began });
}

async function sendAgainAndAgain(rows: number): Promise<void> {
  while (!stopping.signal.aborted) {
    await sendOne(rows).catch((error: unknown) => {
      if (!stopping.signal.aborted) tell({ kind: `batch: ${rows} rows, sent to done`, error: String(error) });
    });
    if (rows !== Math.max(...sizes)) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

setInterval(() => {
  tell({ scored: [...scored.values()].reduce((sum, each) => sum + each, 0) });
}, askEveryMs).unref();
await Promise.all(sizes.map(sendAgainAndAgain));
// What is not done is of no more use to anybody.
for (const id of scored.keys())
  await request(`${address}/v1/batches/${id}/cancel`, { method: 'POST', headers }).catch(() => undefined);
process.disconnect();
