import sharp, { type Metadata } from 'sharp';
import { PictureError } from './picture-error.ts';

/** The kinds of picture that are taken. */
export type PictureMediaType = 'image/jpeg' | 'image/png' | 'image/webp' | 'image/gif' | 'image/avif';

/**
 * Says what a file is by its own bytes, and how large its first frame is, before anything decodes it. Only the five
 * kinds reach the decoder's library, which could read more: drawings in SVG, which may fetch and run things, PDF, TIFF.
 * A file that is a picture and something else as well (a page or an archive behind it) counts as the picture that it
 * begins as.
 *
 * @param maxPixels most pixels of a frame, width times height
 * @throws PictureError not-a-picture, too-many-pixels or damaged; none of them passing
 */
export async function inspectPicture(
  bytes: Uint8Array,
  maxPixels: number,
): Promise<{ mediaType: PictureMediaType; width: number; height: number }> {
  const mediaType = mediaTypeOf(bytes);
  if (mediaType === null) throw lasting('not-a-picture', describe(bytes));
  const { width, height, format, compression } = await readHeader(bytes, maxPixels);
  if ((compression === 'av1' ? 'avif' : format) !== mediaType.slice('image/'.length))
    throw lasting('not-a-picture', `the file begins as ${mediaType} and is something else`);
  // The library bounds this too; it is what everything after relies on, so it is not left to a library.
  if (width * height > maxPixels) throw tooManyPixels(maxPixels);
  return { mediaType, width, height };
}

/** The kind of picture that a file begins as; null for any other file. */
function mediaTypeOf(bytes: Uint8Array): PictureMediaType | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64)).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'image/gif';
  if (head.startsWith('RIFF') && head.startsWith('WEBP', 8)) return 'image/webp';
  return head.startsWith('ftyp', 4) && brandsOf(head).includes('avif') ? 'image/avif' : null;
}

/** The brands of an ISO base media file: the main one, a version that is passed over, and the compatible ones. */
function brandsOf(head: string): string[] {
  const boxSize = Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE();
  const brands = head.slice(8, boxSize).match(/.{4}/gs) ?? [];
  return brands.filter((_brand, index) => index !== 1);
}

async function readHeader(bytes: Uint8Array, maxPixels: number): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', pages: 1 }).metadata();
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('pixel limit'))
      throw tooManyPixels(maxPixels, cause);
    throw lasting('damaged', 'the file begins as a picture and cannot be read as one', cause);
  }
}

function describe(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) return 'the file is empty';
  const begin = new TextDecoder('latin1').decode(bytes.subarray(0, 200)).replace(/^(?:\xef\xbb\xbf)?\s+/, '');
  if (begin.startsWith('<')) return 'the file is a page or a drawing in text, not a picture';
  return 'the file is none of JPEG, PNG, WebP, GIF and AVIF';
}

function tooManyPixels(maxPixels: number, cause?: unknown): PictureError {
  return lasting('too-many-pixels', `the picture has more than ${maxPixels} pixels`, cause);
}

function lasting(
  problem: 'not-a-picture' | 'damaged' | 'too-many-pixels',
  message: string,
  cause?: unknown,
): PictureError {
  return new PictureError(problem, message, { passing: false, cause });
}
