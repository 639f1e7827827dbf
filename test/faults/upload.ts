import { pause } from './mode.ts';
import type { Night } from './night.ts';

const linesPerPiece = 100;

/** Where to send, asked anew for every try, since a service started again listens elsewhere. */
export type Recipient = { address(): string; key: string };

/**
 * Sends a night as people's scripts do: the same file with the same Idempotency-Key, again and again until it is taken.
 *
 * @param options.paceMs pause after every hundred lines, so that a fault can hit the middle
 * @returns the batch's id, and how many tries it took
 */
export async function uploadNight(
  night: Night,
  to: Recipient,
  { paceMs = 0 }: { paceMs?: number } = {},
): Promise<{ batchId: string; tries: number }> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send(night, to, paceMs).catch(() => null);
    if (answer?.status === 202) {
      const location = answer.headers.get('location') ?? '';
      await answer.body?.cancel();
      return { batchId: location.split('/').at(-1) ?? '', tries };
    }
    // A server that is away, or an upload of before that the service has not yet seen to be dead.
    if (answer !== null && answer.status < 500 && answer.status !== 409)
      throw new Error(`the upload was refused: ${answer.status} ${await answer.text()}`);
    await answer?.body?.cancel();
    await pause(50);
  }
}

async function send({ name, lines }: Night, to: Recipient, paceMs: number): Promise<Response> {
  const pieces = async function* () {
    for (let at = 0; at < lines.length; at += linesPerPiece) {
      yield new TextEncoder().encode(lines.slice(at, at + linesPerPiece).join(''));
      if (paceMs > 0) await pause(paceMs);
    }
  };
  return await fetch(`${to.address()}/v1/batches?name=${name}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${to.key}`,
      'content-type': 'application/x-ndjson',
      'idempotency-key': name,
    },
    body: ReadableStream.from(pieces()),
    duplex: 'half',
  });
}
