import { deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { expect, test } from 'vitest';
import { makeThumbnail } from '../../src/images/thumbnail.ts';

const limits = { side: 200, maxPixels: 50_000_000 };

/** Red on the left and blue on the right. */
function twoColours(width: number, height: number): Sharp {
  const left = { create: { width: width >> 1, height, channels: 3, background: 'red' } } as const;
  return sharp({ create: { width, height, channels: 3, background: 'blue' } }).composite([
    { input: left, left: 0, top: 0 },
  ]);
}

/** A JPEG with all that a telephone writes beside the pixels. */
async function photograph(): Promise<Buffer> {
  const jpeg = await twoColours(800, 600)
    .withIccProfile('p3')
    .withExif({
      IFD0: { Make: 'SecretMaker', Copyright: 'SecretOwner' },
      IFD3: { GPSLatitudeRef: 'S', GPSLatitude: '6/1 10/1 30/1', GPSMapDatum: 'SecretPlace' },
    })
    .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>SecretXmp</a></x:xmpmeta>')
    .jpeg()
    .toBuffer();
  const comment = Buffer.from('SecretComment');
  const segment = Buffer.from([0xff, 0xfe, 0, comment.length + 2, ...comment]);
  return Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2), Buffer.from('SecretTail')]);
}

/** Which colour the left and the right have, and the size. */
async function look(bytes: Uint8Array) {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => {
    const start = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * 3;
    const [red = 0, , blue = 0] = data.subarray(start, start + 3);
    return red > blue ? 'red' : 'blue';
  };
  return { left: at(0.2, 0.5), right: at(0.8, 0.5), width: info.width, height: info.height };
}

/** A PNG that says how large it is and has no more than a few of its bytes. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    const body = Buffer.concat([Buffer.from(name), data]);
    let crc = 0xffffffff;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    sum.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const beginning = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const data = deflateSync(Buffer.alloc(1_000));
  return Buffer.concat([
    beginning,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

test('a thumbnail has nothing of the original but its pixels', async () => {
  const original = await photograph();
  const before = await sharp(original).metadata();
  expect([before.exif, before.icc, before.xmp].map((part) => part !== undefined)).toEqual([true, true, true]);
  expect(original.includes('SecretPlace') && original.includes('SecretComment')).toBe(true);

  const { bytes, mediaType } = await makeThumbnail(original, limits);
  expect(mediaType).toBe('image/webp');
  const { format, exif, icc, xmp, iptc, comments } = await sharp(bytes).metadata();
  expect({ format, exif, icc, xmp, iptc, comments }).toEqual({ format: 'webp' });
  expect(Buffer.from(bytes).includes('Secret')).toBe(false);
  expect(await look(bytes)).toEqual({ left: 'red', right: 'blue', width: 200, height: 150 });
});

test('a picture is shown upright, as its camera was held', async () => {
  const turned = await twoColours(600, 300).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer();
  const { bytes } = await makeThumbnail(turned, limits);
  expect(await look(bytes)).toEqual({ left: 'red', right: 'blue', width: 200, height: 100 });
});

test.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)('%s is read', async (format) => {
  const picture = await twoColours(64, 32).toFormat(format).toBuffer();
  const { bytes } = await makeThumbnail(picture, limits);
  // and not made larger than it was
  expect(await look(bytes)).toEqual({ left: 'red', right: 'blue', width: 64, height: 32 });
});

test('of a moving picture the first frame is shown', async () => {
  const frames = await Promise.all(
    ['red', 'blue', 'lime'].map((background) =>
      sharp({ create: { width: 40, height: 40, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  const moving = await sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 100, 100] })
    .toBuffer();
  expect((await sharp(moving).metadata()).pages).toBe(3);
  const { bytes } = await makeThumbnail(moving, limits);
  expect(await look(bytes)).toEqual({ left: 'red', right: 'red', width: 40, height: 40 });
});

test('a blurred thumbnail keeps its colours and hides what is written on it', async () => {
  const word = '<svg width="400" height="200"><text x="20" y="120" font-size="90">DIJUAL</text></svg>';
  const picture = await sharp({ create: { width: 400, height: 200, channels: 3, background: 'white' } })
    .composite([{ input: Buffer.from(word) }])
    .png()
    .toBuffer();
  /** The sharpest step between two pixels beside each other, 0 to 255. */
  const sharpest = async (bytes: Uint8Array) => {
    const { data, info } = await sharp(bytes).greyscale().raw().toBuffer({ resolveWithObject: true });
    let most = 0;
    for (let at = info.channels; at < data.length; at += info.channels)
      if (at % (info.width * info.channels) !== 0)
        most = Math.max(most, Math.abs((data[at] ?? 0) - (data[at - info.channels] ?? 0)));
    return most;
  };
  const [clear, blurred] = await Promise.all([
    makeThumbnail(picture, limits),
    makeThumbnail(picture, { ...limits, blur: true }),
  ]);
  expect(await sharpest(clear.bytes)).toBeGreaterThan(80);
  expect(await sharpest(blurred.bytes)).toBeLessThan(20);
  expect(
    await look(
      (await makeThumbnail(await twoColours(400, 200).png().toBuffer(), { ...limits, blur: true })).bytes,
    ),
  ).toMatchObject({ left: 'red', right: 'blue' });
});

test('a picture that says it is 50,000 pixels wide and high is refused before it is decoded', async () => {
  const start = performance.now();
  await expect(makeThumbnail(pngHeader(50_000, 50_000), limits)).rejects.toMatchObject({
    name: 'PictureError',
    problem: 'too-many-pixels',
    passing: false,
  });
  expect(performance.now() - start).toBeLessThan(1_000);
});

test('what is no picture or a broken one is refused with what is wrong', async () => {
  const jpeg = await photograph();
  const refusal = (bytes: Uint8Array) => makeThumbnail(bytes, limits).catch((error) => error.problem);
  expect(await refusal(Buffer.alloc(0))).toBe('not-a-picture');
  expect(await refusal(Buffer.from('<html>login</html>'))).toBe('not-a-picture');
  // SVG is a document with a language of its own, and could read files through an old decoder.
  expect(await refusal(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'))).toBe(
    'not-a-picture',
  );
  expect(await refusal(jpeg.subarray(0, jpeg.length >> 1))).toBe('damaged');
  expect(await refusal(jpeg.subarray(0, 4))).toMatch(/damaged|not-a-picture/);
});
