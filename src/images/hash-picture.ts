import sharp from 'sharp';
import { type Area, insideFrame } from './find-frame.ts';
import { inspectPicture } from './inspect-picture.ts';
import { findWaves, measureQuality, shrinkToBlocks, turnWaves, waveBits } from './pdq.ts';
import { PictureError } from './picture-error.ts';

/** What a picture looks like: 256 bits as 64 hexadecimal digits, in PDQ's own order; quality 0–100. */
type PictureHash = { hash: string; quality: number };

/**
 * Under this quality a picture has so little in it that its hash is mostly chance, and it must match nothing. 50 is PDQ's
 * own advice (ThreatExchange, pdq/README.md: throw away hashes of 49 and less).
 */
export const leastQuality = 50;

/** Larger pictures are shrunk to a square of this side before PDQ's own filter, as in its reference. */
const workingSide = 512;
const channels = 3;

type Pixels = { rgb: Uint8Array; width: number; height: number };

/**
 * A hash beside those of the same picture turned a quarter to the left, a half and a quarter to the right, flipped top to
 * bottom, flipped left to right, and mirrored along either diagonal.
 */
export type TurnedHash = PictureHash & { turned: string[] };

/**
 * Hashes a picture (of an animation the first frame), the right way up as its camera noted, and on white where it is
 * transparent. A picture with a side under 5 pixels gets quality 0 and a hash of zeros.
 *
 * @param bytes a whole file: JPEG, PNG, WebP, GIF or AVIF
 * @param maxPixels refuse a picture with more, before it is decoded
 * @returns also `unframed`, the same for what lies inside a frame or bars of one colour: a border of 5 % changes over a third
 *   of a hash, so a copy with a border is found by this one alone. Null where there is no frame or little inside it
 * @throws PictureError `damaged`, `too-many-pixels`, or `not-a-picture` for SVG and other kinds that are not read
 */
export async function hashPicture(
  bytes: Uint8Array,
  maxPixels: number,
): Promise<TurnedHash & { unframed: TurnedHash | null }> {
  const pixels = await readPixels(bytes, maxPixels);
  const inside = insideFrame(pixels);
  const unframed = inside === null ? null : hashPixels(cutOut(pixels, inside));
  return {
    ...hashPixels(pixels),
    unframed: unframed !== null && unframed.quality >= leastQuality ? unframed : null,
  };
}

function hashPixels({ rgb, width, height }: Pixels): TurnedHash {
  const blocks = shrinkToBlocks(rgb, width, height);
  const waves = findWaves(blocks);
  return { hash: waveBits(waves), quality: measureQuality(blocks), turned: turnWaves(waves).map(waveBits) };
}

function cutOut({ rgb, width }: Pixels, area: Area): Pixels {
  const inside = new Uint8Array(area.width * area.height * channels);
  for (let row = 0; row < area.height; row += 1) {
    const from = ((area.top + row) * width + area.left) * channels;
    inside.set(rgb.subarray(from, from + area.width * channels), row * area.width * channels);
  }
  return { rgb: inside, width: area.width, height: area.height };
}

async function readPixels(bytes: Uint8Array, maxPixels: number): Promise<Pixels> {
  const { width, height } = await inspectPicture(bytes, maxPixels);
  const picture = sharp(bytes, {
    limitInputPixels: maxPixels,
    // A warning is not reason enough to fail: pictures from phones are full of them.
    failOn: 'error',
    // As in the reference, and since what forwards a picture mostly drops its profile.
    ignoreIcc: true,
    sequentialRead: true,
  })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .removeAlpha();
  if (width > workingSide || height > workingSide) picture.resize(workingSide, workingSide, { fit: 'fill' });
  try {
    const { data, info } = await picture.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`it was decoded to ${info.channels} channels`);
    return { rgb: data, width: info.width, height: info.height };
  } catch (cause) {
    throw damaged(cause);
  }
}

function damaged(cause: unknown): PictureError {
  return new PictureError('damaged', 'the picture cannot be decoded', { passing: false, cause });
}
