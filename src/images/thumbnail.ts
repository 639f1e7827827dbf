import sharp from 'sharp';
import { PictureError } from './picture-error.ts';

/** Longest that one thumbnail may take, whatever a picture makes its decoder do. */
const seconds = 20;

/** How the kinds that are read begin. Others, SVG first of all, are never shown to a decoder. */
const beginnings: readonly { at: number; text: string }[] = [
  { at: 0, text: '\xff\xd8\xff' }, // JPEG
  { at: 0, text: '\x89PNG\r\n\x1a\n' },
  { at: 0, text: 'GIF8' },
  { at: 8, text: 'WEBP' },
  { at: 4, text: 'ftypavi' }, // AVIF, still or moving
  { at: 0, text: 'II*\0' }, // TIFF
  { at: 0, text: 'MM\0*' },
];

function isKnown(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
  return beginnings.some(({ at, text }) => start.startsWith(text, at));
}

function explain(error: unknown): PictureError {
  const said = error instanceof Error ? error.message : String(error);
  const options = { passing: false, cause: error };
  if (said.includes('exceeds pixel limit'))
    return new PictureError('too-many-pixels', 'the picture has more pixels than are read', options);
  if (said.includes('unsupported image format'))
    return new PictureError('not-a-picture', 'the bytes are not a picture of a kind that is read', options);
  if (said.includes('timeout'))
    return new PictureError('reading-failed', `the picture took more than ${seconds} s to read`, options);
  return new PictureError('damaged', 'the picture is damaged and cannot be shown', options);
}

/**
 * Re-encodes to a small WebP with nothing of the original's bytes but its pixels: no EXIF, ICC, comments.
 * The first frame, upright as EXIF says, in sRGB.
 *
 * @param options.side longest side of the result in pixels; a smaller picture is not enlarged
 * @param options.maxPixels a picture that declares more is refused before it is decoded
 * @param options.blur hides what is on it and keeps colours and rough shapes
 * @throws PictureError too-many-pixels, not-a-picture, damaged or reading-failed (over 20 s)
 */
export async function makeThumbnail(
  bytes: Uint8Array,
  options: { side: number; maxPixels: number; blur?: boolean },
): Promise<{ bytes: Uint8Array; mediaType: 'image/webp' }> {
  if (!isKnown(bytes))
    throw new PictureError('not-a-picture', 'the bytes are not a picture of a kind that is read', {
      passing: false,
    });
  const { side, maxPixels, blur = false } = options;
  try {
    const small = sharp(bytes, { limitInputPixels: maxPixels, pages: 1, failOn: 'error' })
      .autoOrient()
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .timeout({ seconds });
    const shown = blur ? small.blur(Math.max(1, side / 20)) : small;
    return { bytes: await shown.webp({ quality: 80 }).toBuffer(), mediaType: 'image/webp' };
  } catch (error) {
    throw explain(error);
  }
}
