import type { Client } from 'undici';
import { type RequestBounds, withConnection } from '../outbound/with-connection.ts';
import { locationOrNull, selectHeaders, tooLarge } from './picture-answer.ts';
import { asPictureError } from './picture-error.ts';

/** What one request came to: a file, or another address to ask (still as the server wrote it). */
export type PictureAnswer =
  | { location: string }
  | { location: null; status: number; headers: Record<string, string>; bytes: Uint8Array };

/** What bounds a request for a picture. */
export type PictureRequestBounds = RequestBounds & { maxBytes: number; userAgent: string };

/**
 * Asks once, through a connection held to an address that was checked.
 *
 * @throws PictureError, or the signal's reason
 */
export async function requestPicture(
  url: URL,
  bounds: PictureRequestBounds,
  signal: AbortSignal,
): Promise<PictureAnswer> {
  try {
    return await withConnection(url, bounds, signal, (client) => ask(client, url, bounds, signal));
  } catch (error) {
    throw asPictureError(error);
  }
}

async function ask(
  client: Client,
  url: URL,
  bounds: PictureRequestBounds,
  signal: AbortSignal,
): Promise<PictureAnswer> {
  const { statusCode, headers, body } = await client.request({
    method: 'GET',
    path: url.pathname + url.search,
    headers: {
      'user-agent': bounds.userAgent,
      accept: 'image/avif,image/webp,image/jpeg,image/png,image/gif',
      'accept-encoding': 'identity',
    },
    signal,
  });
  // A body that is not read to its end still reports that its connection was closed.
  body.on('error', () => {});
  const location = locationOrNull(statusCode, headers, bounds.maxBytes);
  if (location !== null) return { location };
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    size += piece.byteLength;
    if (size > bounds.maxBytes) throw tooLarge(bounds.maxBytes);
    pieces.push(piece);
  }
  return {
    location: null,
    status: statusCode,
    headers: selectHeaders(headers),
    bytes: Buffer.concat(pieces),
  };
}
