import sharp from 'sharp';
import { inspectPicture } from './inspect-picture.ts';
import { PictureError } from './picture-error.ts';

/** Longest that one thumbnail may take, whatever a picture makes its decoder do. */
const seconds = 20;

function explain(error: unknown): PictureError {
  const late = error instanceof Error && error.message.includes('timeout');
  return late
    ? new PictureError('reading-failed', `the picture took more than ${seconds} s to read`, {
        passing: false,
        cause: error,
      })
    : new PictureError('damaged', 'the picture is damaged and cannot be shown', {
        passing: false,
        cause: error,
      });
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
  const { side, maxPixels, blur = false } = options;
  await inspectPicture(bytes, maxPixels);
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
