import { fetch } from 'undici';
import { tooLarge } from './picture-answer.ts';
import { PictureError } from './picture-error.ts';

/**
 * The bytes that a data address holds in itself, by the rules of the web's Fetch standard; what it says of their kind
 * is not believed.
 *
 * @throws PictureError too-large, or damaged where it cannot be read
 */
export async function readDataUrl(url: URL, maxBytes: number): Promise<Uint8Array> {
  // What reads it would go to the network for any other address, past all checks.
  if (url.protocol !== 'data:') throw new Error('not a data address');
  // The most room that a byte takes there is three characters (%89); this keeps longer ones from being read at all.
  if (url.href.length > 3 * maxBytes + 200) throw tooLarge(maxBytes);
  let bytes: Uint8Array;
  try {
    bytes = await (await fetch(url)).bytes();
  } catch (cause) {
    throw new PictureError('damaged', 'the data address cannot be read', { passing: false, cause });
  }
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}
