import { finished } from 'node:stream/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../domain/app-error.ts';
import { unpackGzip, unpackIfGzip } from '../intake/unpack-gzip.ts';

/** How long the rest of a refused upload is read before its sender is answered. */
const drainMs = 10_000;

/**
 * The file that is uploaded as a request's body, unpacked where it is gzip, by its header or its own first bytes.
 * Neither what comes nor what it unpacks to may be larger than the limit.
 *
 * @throws AppError BODY_EMPTY; reading throws BODY_TOO_LARGE or INPUT_BROKEN
 */
export function readBatchBody(request: FastifyRequest, limitBytes: number): AsyncIterable<Uint8Array> {
  if (request.body === undefined || request.body === null)
    throw new AppError('BODY_EMPTY', 422, 'the body is empty; send the file as the body');
  const packed = request.headers['content-encoding']?.toLowerCase() === 'gzip';
  const sent = limited(request.raw.iterator({ destroyOnReturn: false }), limitBytes);
  const file = packed ? limited(unpackGzip(sent), limitBytes) : sent;
  return limited(unpackIfGzip(file), limitBytes);
}

/**
 * Refuses at once an upload that says by its Content-Length that it is larger than the limit. Its sender is still listened
 * to for a while: one whose connection is closed in the middle may never see the answer.
 *
 * @throws AppError BODY_TOO_LARGE
 */
export function refusePromised({ headers, raw }: FastifyRequest, limitBytes: number): void {
  if (!(Number(headers['content-length']) > limitBytes)) return;
  const timer = setTimeout(() => raw.destroy(), drainMs).unref();
  raw.once('close', () => clearTimeout(timer));
  raw.resume();
  throw tooLarge(limitBytes);
}

/**
 * Reads what is left of a body and throws it away: most senders look for an answer only when all is sent, and one whose
 * connection is closed in the middle may never see it. Of a long rest, the connection is closed after the answer.
 */
export async function drainBody({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (raw.readableEnded || raw.destroyed) return;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), drainMs);
  raw.resume();
  await finished(raw, { writable: false, signal: patience.signal }).catch(() => undefined);
  clearTimeout(timer);
  if (patience.signal.aborted) reply.header('connection', 'close');
}

async function* limited(source: AsyncIterable<Uint8Array>, limitBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.byteLength;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    yield piece;
  }
}

function tooLarge(limitBytes: number): AppError {
  const detail = `a batch has at most ${limitBytes} bytes here, unpacked; send it in parts`;
  return new AppError('BODY_TOO_LARGE', 413, detail);
}
