import { createHash } from 'node:crypto';

/** Whether a text is a SHA-256 as it is written here: 64 small hex digits, and so never a path. */
export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** SHA-256 of bytes, 64 hex digits. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 of a stream, 64 hex digits, holding one piece of it at a time. */
export async function sha256OfStream(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Where a capture lies below its folder or prefix: `ab/cd/abcd…`, so that no folder holds too many.
 *
 * @throws RangeError when it is not a SHA-256; nothing else ever becomes part of a path
 */
export function capturePath(sha256: string): string {
  if (!isSha256(sha256)) throw new RangeError(`not a SHA-256 of 64 small hex digits: ${sha256.slice(0, 80)}`);
  return `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
}
