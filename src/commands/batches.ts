import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { startProgressBar } from './progress-bar.ts';
import { openResultWriter } from './result-writer.ts';
import { askService, callService, type ServiceAddress } from './service-client.ts';
import { formatTable, oneLine } from './table.ts';

const Batch = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  state: z.string(),
  done: z.boolean(),
  rows: z.object({
    read: z.number(),
    bad: z.number(),
    scored: z.number(),
    flagged: z.number(),
    failed: z.number(),
  }),
});
type Batch = z.infer<typeof Batch>;

const BatchPage = z.object({ batches: z.array(Batch), nextCursor: z.string().nullable() });
const Secret = z.object({ secret: z.string() });

const askEveryMs = 500;
const longestName = 200;
/** Of a name in a table, characters. */
const longestShown = 40;

/**
 * Uploads a file. Its SHA-256 is the upload's key, so that the same file sent again goes on where it stopped.
 *
 * @throws AppError FILE_UNREADABLE, UPLOAD_CUT or SERVICE_REFUSED
 */
export async function submitBatch(
  service: ServiceAddress,
  file: string,
  { name, webhook }: { name: string | null; webhook: string | null },
): Promise<Batch> {
  const info = await stat(file).catch(() => null);
  if (info === null || !info.isFile())
    throw new AppError('FILE_UNREADABLE', 422, `${file} cannot be read; check the path`);
  const key = await sha256Of(file);
  const query = new URLSearchParams({ name: (name ?? basename(file)).slice(0, longestName) });
  if (webhook !== null) query.set('webhook', webhook);
  const bar = startProgressBar('sending', info.size);
  let sent = 0;
  const began = performance.now();
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of createReadStream(file)) {
      yield piece;
      sent += piece.byteLength;
      bar.update(
        sent,
        `${mebibytes(sent)} MiB, ${mebibytes((sent * 1000) / (performance.now() - began))} MiB/s`,
      );
    }
  }
  // Half a duplex, which fetch wants for streams, is not among the types of Node's fetch everywhere.
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', 'idempotency-key': `sha256-${key}` },
    body: Readable.toWeb(Readable.from(pieces())),
    duplex: 'half',
  };
  try {
    const answer = await callService(service, `/v1/batches?${query}`, init);
    return Batch.parse(await answer.json());
  } catch (error) {
    if (sent === 0 || !(error instanceof AppError && error.code === 'SERVICE_UNREACHABLE')) throw error;
    throw new AppError(
      'UPLOAD_CUT',
      503,
      `the connection to ${service.url} ended during the upload; run the same command again, it goes on where it stopped`,
      { cause: error },
    );
  } finally {
    bar.stop();
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest('hex');
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

/** Has no more rows of a batch scored. */
export async function cancelBatch(service: ServiceAddress, id: string): Promise<Batch> {
  return await askService(service, { method: 'POST', path: `${pathOf(id)}/cancel` }, Batch);
}

/** Has the rows of a batch scored again that were given up. */
export async function retryBatch(service: ServiceAddress, id: string): Promise<Batch> {
  return await askService(service, { method: 'POST', path: `${pathOf(id)}/retry` }, Batch);
}

/** The newest batches as a table. */
export async function listBatches(
  service: ServiceAddress,
  { state, limit }: { state: string | null; limit: number },
): Promise<string> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (state !== null) query.set('state', state);
  const path = `/v1/batches?${query}`;
  const { batches, nextCursor } = await askService(service, { method: 'GET', path }, BatchPage);
  const table = formatTable(
    ['id', 'begun', 'state', 'rows', 'scored', 'flagged', 'bad', 'given up', 'name'],
    batches.map(({ id, createdAt, state, done, rows, name }) => [
      id,
      createdAt.slice(0, 16).replace('T', ' '),
      done && state === 'received' ? 'done' : state,
      ...[rows.read, rows.scored, rows.flagged, rows.bad, rows.failed].map(String),
      oneLine(name, longestShown),
    ]),
  );
  return nextCursor === null ? table : `${table}\n… and older ones`;
}

/** The secret that messages to a webhook's address are signed with. */
export async function fetchSecret(service: ServiceAddress, url: string): Promise<string> {
  const request = { method: 'POST', path: '/v1/webhooks', body: { url } } as const;
  return (await askService(service, request, Secret)).secret;
}

function pathOf(id: string): string {
  return `/v1/batches/${encodeURIComponent(id)}`;
}

/** Waits until a batch is done, or its upload was cut and everything that came is done. */
export async function watchBatch(service: ServiceAddress, id: string): Promise<Batch> {
  const path = pathOf(id);
  const first = await askService(service, { method: 'GET', path }, Batch);
  const bar = startProgressBar('scoring', first.rows.read);
  const began = performance.now();
  try {
    for (let batch = first; ; batch = await askService(service, { method: 'GET', path }, Batch)) {
      if (batch.done) return batch;
      const { scored, flagged, read } = batch.rows;
      const perSecond = Math.round(((scored - first.rows.scored) * 1000) / (performance.now() - began));
      bar.update(settled(batch), `${scored} listings, ${flagged} flagged, ${perSecond}/s`, read);
      await wait(askEveryMs);
    }
  } finally {
    bar.stop();
  }
}

function settled({ rows }: Batch): number {
  return rows.scored + rows.bad + rows.failed;
}

/** A batch in one line. */
export function describeBatch({ state, done, rows }: Batch): string {
  const waiting = done ? '' : `, ${rows.read - rows.scored - rows.bad - rows.failed} waiting`;
  return `${state}: ${rows.read} rows, ${rows.scored} scored, ${rows.flagged} flagged, ${rows.bad} bad, ${rows.failed} given up${waiting}`;
}

/** Writes the results of a batch to a file, whole or not at all, or to standard output. */
export async function fetchResults(
  service: ServiceAddress,
  id: string,
  { out, format }: { out: string | null; format: 'ndjson' | 'csv' },
): Promise<{ done: boolean }> {
  const path = `${pathOf(id)}/results?format=${format}`;
  const answer = await callService(service, path, { method: 'GET' });
  const writer = openResultWriter(out);
  try {
    for await (const piece of answer.body ?? []) await writer.write(piece);
    await writer.close();
  } catch (error) {
    await writer.discard();
    if (!(error instanceof TypeError)) throw error;
    throw new AppError(
      'SERVICE_UNREACHABLE',
      503,
      `the connection to ${service.url} ended in the middle of the results; run the same command again`,
      { cause: error },
    );
  }
  return { done: answer.headers.get('saring-batch-done') === 'true' };
}
