import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { drawFlat, drawPicture } from '../../scripts/pictures/draw-picture.ts';
import { encodeOriginal } from '../../scripts/pictures/mutate-picture.ts';
import { hashPicture, leastQuality } from '../../src/images/hash-picture.ts';
import { hammingDistance, mostDistance } from '../../src/images/match-index.ts';

const maxPixels = 10_000_000;
/** PDQ's own measure of an implementation: within 10 of the same picture decoded in another way. */
const few = 10;
const scene = await drawPicture(4);
const { width, height } = scene;
const original = await encodeOriginal(scene);
const lossless = await open().png().toBuffer();

function open(): Sharp {
  return sharp(scene.rgb, { raw: { width, height, channels: 3 } });
}

async function distanceOf(bytes: Uint8Array): Promise<number> {
  const [one, other] = [await hashPicture(original, maxPixels), await hashPicture(bytes, maxPixels)];
  return hammingDistance(one.hash, other.hash);
}

describe('the hash of a picture', () => {
  test.each([
    ['JPEG of quality 60', () => open().jpeg({ quality: 60 })],
    ['PNG', () => open().png()],
    ['WebP', () => open().webp({ quality: 75 })],
    ['AVIF', () => open().avif({ quality: 60, effort: 0 })],
    ['GIF', () => open().gif({ effort: 1 })],
    [
      'JPEG of twice the size',
      () =>
        open()
          .resize(width * 2)
          .jpeg(),
    ],
    ['PNG of 16 bits', () => open().toColourspace('rgb16').png()],
  ])('stays for a copy saved as a %s', async (_name, save) => {
    expect(await distanceOf(await save().toBuffer())).toBeLessThanOrEqual(few);
  });

  test('stays near for a JPEG of inks, which lose some colours', async () => {
    const inks = await open().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect(await distanceOf(inks)).toBeLessThanOrEqual(mostDistance);
  });

  test('is of one picture alone', async () => {
    expect(await distanceOf(await encodeOriginal(await drawPicture(8)))).toBeGreaterThan(2 * mostDistance);
  });

  test('is of the picture the right way up', async () => {
    const lying = await open().rotate(90).jpeg({ quality: 92 }).withMetadata({ orientation: 8 }).toBuffer();
    expect(await distanceOf(lying)).toBeLessThanOrEqual(few);
  });

  test('is of the picture on white where it is transparent', async () => {
    const clear = {
      create: { width: 300, height: 300, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    } as const;
    const layer = [{ input: await open().resize(200, 200, { fit: 'fill' }).png().toBuffer() }];
    const seeThrough = await sharp(clear).composite(layer).png().toBuffer();
    const onWhite = await sharp(seeThrough).flatten({ background: 'white' }).png().toBuffer();
    const one = await hashPicture(seeThrough, maxPixels);
    expect(one.hash).toBe((await hashPicture(onWhite, maxPixels)).hash);
  });

  test('is of the first picture of an animation', async () => {
    const frames = [lossless, await open().negate().png().toBuffer()];
    const animation = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer();
    expect((await sharp(animation).metadata()).pages).toBe(2);
    expect(await distanceOf(animation)).toBeLessThanOrEqual(few);
  });

  test('turns with the picture', async () => {
    const { turned } = await hashPicture(original, maxPixels);
    const turns: ((picture: Sharp) => Sharp)[] = [
      (picture) => picture.rotate(270),
      (picture) => picture.rotate(180),
      (picture) => picture.rotate(90),
      (picture) => picture.flip(),
      (picture) => picture.flop(),
      (picture) => picture.flop().rotate(270),
      (picture) => picture.flop().rotate(90),
    ];
    expect(turned).toHaveLength(turns.length);
    for (const [at, turn] of turns.entries()) {
      const bytes = await turn(sharp(lossless)).png().toBuffer();
      const { hash } = await hashPicture(bytes, maxPixels);
      expect(hammingDistance(hash, turned[at] ?? ''), `turn ${at}`).toBeLessThanOrEqual(mostDistance);
      const others = turned.filter((_, other) => other !== at);
      for (const other of others) expect(hammingDistance(hash, other)).toBeGreaterThan(2 * mostDistance);
    }
  });
});

describe('quality', () => {
  test('is high for a picture full of things', async () => {
    expect((await hashPicture(original, maxPixels)).quality).toBeGreaterThan(leastQuality);
  });

  test.each([
    ['black', drawFlat(640, 480, 0, 0)],
    ['white', drawFlat(640, 480, 255, 0)],
    ['a gentle rise', drawFlat(640, 480, 100, 60)],
    ['one too small to be hashed', drawFlat(4, 400, 0, 255)],
  ])('is too low to match for %s', async (_name, drawing) => {
    const { quality, unframed } = await hashPicture(await encodeOriginal(drawing), maxPixels);
    expect(quality).toBeLessThan(leastQuality);
    expect(unframed).toBeNull();
  });
});

describe('a picture in a frame', () => {
  test.each([
    ['a white border', { left: 40, right: 40, top: 40, bottom: 40, background: '#ffffff' }],
    ['uneven bars', { left: 0, right: 0, top: 90, bottom: 200, background: '#102030' }],
    ['bars at the sides', { left: 120, right: 120, top: 0, bottom: 0, background: '#e0e0e0' }],
  ])('has, without %s, the hash that it had before', async (_name, border) => {
    const framed = await open().extend(border).jpeg({ quality: 80 }).toBuffer();
    const { hash, unframed } = await hashPicture(framed, maxPixels);
    const { hash: before } = await hashPicture(original, maxPixels);
    expect(hammingDistance(hash, before)).toBeGreaterThan(mostDistance);
    expect(hammingDistance(unframed?.hash ?? '0'.repeat(64), before)).toBeLessThanOrEqual(2 * few);
    expect(unframed?.turned).toHaveLength(7);
  });

  test('is the same twice in a frame', async () => {
    const once = await open()
      .extend({ top: 30, bottom: 30, left: 30, right: 30, background: '#a01010' })
      .png()
      .toBuffer();
    const twice = await sharp(once).extend({ top: 60, bottom: 60, background: '#000000' }).png().toBuffer();
    const [one, other] = [await hashPicture(once, maxPixels), await hashPicture(twice, maxPixels)];
    expect(hammingDistance(one.unframed?.hash ?? '', other.unframed?.hash ?? '')).toBeLessThanOrEqual(few);
  });

  test('is nothing special without one, or where a thing lies on plain ground', async () => {
    expect((await hashPicture(original, maxPixels)).unframed).toBeNull();
    const thing = await hashPicture(await encodeOriginal(await drawPicture(6)), maxPixels);
    expect(thing.unframed).toBeNull();
  });
});

describe('bytes that are no whole picture', () => {
  const drawing =
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><rect width="9" height="9"/></svg>';

  test.each([
    ['nothing', new Uint8Array(), 'not-a-picture'],
    ['text', Buffer.from('this is not a picture, not at all'), 'not-a-picture'],
    ['the first half of a JPEG', original.subarray(0, original.length / 2), 'damaged'],
    ['the first bytes of a JPEG', original.subarray(0, 30), 'damaged'],
    ['a PNG cut off', lossless.subarray(0, 5_000), 'damaged'],
    ['an SVG', Buffer.from(drawing), 'not-a-picture'],
  ])('are refused: %s', async (_name, bytes, problem) => {
    await expect(hashPicture(bytes, maxPixels)).rejects.toMatchObject({
      name: 'PictureError',
      problem,
      passing: false,
    });
  });

  test('are refused for too many pixels, before they are decoded', async () => {
    await expect(hashPicture(original, width * height - 1)).rejects.toMatchObject({
      problem: 'too-many-pixels',
    });
    await expect(hashPicture(original, width * height)).resolves.toMatchObject({
      quality: expect.any(Number),
    });
  });
});
