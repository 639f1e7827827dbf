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

const Batch = z.object({
  id: z.string(),
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

const askEveryMs = 500;
const longestName = 200;

/**
 * Uploads a file. Its SHA-256 is the upload's key, so that the same file sent again goes on where it stopped.
 *
 * @throws AppError FILE_UNREADABLE, UPLOAD_CUT or SERVICE_REFUSED
 */
export async function submitBatch(
  service: ServiceAddress,
  file: string,
  name: string | null,
): Promise<Batch> {
  const info = await stat(file).catch(() => null);
  if (info === null || !info.isFile())
    throw new AppError('FILE_UNREADABLE', 422, `${file} cannot be read; check the path`);
  const key = await sha256Of(file);
  const query = new URLSearchParams({ name: (name ?? basename(file)).slice(0, longestName) });
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

/** Waits until a batch is done, or its upload was cut and everything that came is done. */
export async function watchBatch(service: ServiceAddress, id: string): Promise<Batch> {
  const path = `/v1/batches/${encodeURIComponent(id)}`;
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
  const path = `/v1/batches/${encodeURIComponent(id)}/results?format=${format}`;
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
