import { createReadStream } from 'node:fs';
import { request } from 'undici';
import { z } from 'zod';

/** Of a batch's view, what measurements need. */
const BatchView = z.object({
  id: z.string(),
  done: z.boolean(),
  rows: z.object({ read: z.int(), bad: z.int(), scored: z.int(), flagged: z.int(), failed: z.int() }),
});
type BatchView = z.infer<typeof BatchView>;

/** How often a batch is asked whether it is done, unless the caller says otherwise. */
const usualAskEveryMs = 100;

/** A service to be measured. */
export type Service = { address: string; key: string };

/**
 * Uploads a file as one batch and waits until it is done.
 *
 * @returns the finished batch, and seconds from the first byte to the upload's answer and to the end
 * @throws Error where a row was bad or failed
 */
export async function sendBatch(
  { address, key }: Service,
  file: string,
  askEveryMs = usualAskEveryMs,
): Promise<{ batch: BatchView; uploadSeconds: number; seconds: number }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
  const began = performance.now();
  const answer = await request(`${address}/v1/batches`, {
    method: 'POST',
    headers,
    body: createReadStream(file),
    // While the upload is held back by the database, nothing comes and nothing is wrong.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  if (answer.statusCode !== 202)
    throw new Error(`the upload was refused with ${answer.statusCode}: ${await answer.body.text()}`);
  let batch = BatchView.parse(await answer.body.json());
  const uploadSeconds = (performance.now() - began) / 1000;
  while (!batch.done) {
    await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    const { body } = await request(`${address}/v1/batches/${batch.id}`, { headers });
    batch = BatchView.parse(await body.json());
  }
  const seconds = (performance.now() - began) / 1000;
  const { read, scored } = batch.rows;
  if (scored !== read) throw new Error(`of ${read} rows only ${scored} were scored`);
  return { batch, uploadSeconds, seconds };
}
