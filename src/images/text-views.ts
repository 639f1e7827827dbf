import sharp from 'sharp';
import { inspectPicture } from './inspect-picture.ts';
import { PictureError } from './picture-error.ts';

/** The long side in which text is looked for, pixels: of 700 to 1,600 it read drawn pictures best, and soon. */
const longSide = 800;
/** A small picture is enlarged so many times at most; beyond, only blur grows. */
const mostEnlarged = 3;
/** From this on in red, green and blue, 0–255, a pixel counts as white. */
const whiteFrom = 200;
/** The share of white pixels that writing has; below there is none, and above white is the ground. */
const whiteShare = { least: 0.005, most: 0.4 };

/** A PNG of one band. */
type View = Buffer;

// Formats that nobody takes product pictures in stay closed; a drawing in SVG, for one, may name other files.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadHeifBuffer',
  ],
});
// One picture at a time, and a quiet neighbour to whoever scores texts.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Makes of a picture what text is looked for in: its greys; and, where it has white writing, that writing alone in
 * black, since on a photograph the greys of writing and cloth run into one another.
 *
 * @param bytes JPEG, PNG, WebP, GIF (its first frame) or AVIF
 * @param maxPixels width times height at most, said by the header before anything is decoded
 * @throws PictureError too-many-pixels, not-a-picture (none of these formats), damaged
 */
export async function textViews(bytes: Uint8Array, maxPixels: number): Promise<View[]> {
  const size = await inspectPicture(bytes, maxPixels);
  try {
    const { data, info } = await decode(bytes, size, maxPixels);
    const raw = { raw: { width: info.width, height: info.height, channels: 3 as const } };
    const greys = await sharp(data, raw).greyscale().normalise().png({ compressionLevel: 1 }).toBuffer();
    const white = sharp(data, raw)
      .threshold(whiteFrom, { greyscale: false })
      .bandbool('and')
      .toColourspace('b-w');
    const { data: mask, info: maskInfo } = await white.raw().toBuffer({ resolveWithObject: true });
    const share = mask.reduce((count, value) => count + (value > 0 ? 1 : 0), 0) / Math.max(1, mask.length);
    if (share < whiteShare.least || share > whiteShare.most) return [greys];
    const maskRaw = { raw: { width: maskInfo.width, height: maskInfo.height, channels: 1 as const } };
    const writing = await sharp(mask, maskRaw).negate().png({ compressionLevel: 1 }).toBuffer();
    return [greys, writing];
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new PictureError('damaged', `the picture cannot be decoded: ${message}`, { passing: false, cause });
  }
}

/** Upright red, green and blue, on white, in the size for reading and without single specks. */
async function decode(
  bytes: Uint8Array,
  { width, height }: { width: number; height: number },
  maxPixels: number,
) {
  const picture = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', pages: 1 });
  const long = Math.max(width, height);
  const target = Math.min(longSide, long * mostEnlarged);
  return picture
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .resize({ width: target, height: target, fit: 'inside' })
    .median(3)
    .raw()
    .toBuffer({ resolveWithObject: true });
}
