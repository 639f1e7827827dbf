import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inspectPicture } from '../../src/images/inspect-picture.ts';
import { PictureError } from '../../src/images/picture-error.ts';
import { mediaFile, picture } from './hostile-pictures.ts';

const maxPixels = 1_000_000;

test.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)(
  '%s is known by its bytes, with its size',
  async (format) => {
    expect(await inspectPicture(await picture(format), maxPixels)).toEqual({
      mediaType: `image/${format}`,
      width: 40,
      height: 30,
    });
  },
);

test('as many pixels as are taken are taken, and not one row more', async () => {
  const bytes = await picture('png', 1000, 1000);
  await expect(inspectPicture(bytes, 1_000_000)).resolves.toMatchObject({ width: 1000 });
  await expect(inspectPicture(bytes, 999_999)).rejects.toMatchObject({
    problem: 'too-many-pixels',
    passing: false,
  });
});

test('other files never reach the decoder', async () => {
  const others = {
    'an SVG': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    'an SVG behind a prolog': '\ufeff <?xml version="1.0"?><svg/>',
    'a page': '<!doctype html><img src=x onerror=alert(1)>',
    'a PDF': '%PDF-1.7',
    'a TIFF': 'II*\0',
    'a bitmap': 'BM\0\0\0\0',
    'an archive': 'PK\x03\x04',
    'a sound in a RIFF': 'RIFF\0\0\0\0WAVEfmt ',
    nothing: '',
  };
  for (const [name, text] of Object.entries(others))
    await expect(inspectPicture(Buffer.from(text), maxPixels), name).rejects.toMatchObject({
      problem: 'not-a-picture',
    });
  for (const brands of [
    ['heic', 'mif1'],
    ['isom', 'mp42'],
    ['mif1', 'heix'],
  ])
    await expect(inspectPicture(mediaFile(...brands), maxPixels)).rejects.toMatchObject({
      problem: 'not-a-picture',
    });
});

test('a picture cut off anywhere, or with any bytes changed, is a picture or a plain reason', async () => {
  const pictures = await Promise.all(
    (['jpeg', 'png', 'webp', 'gif', 'avif'] as const).map((each) => picture(each)),
  );
  const change = fc.record({ at: fc.nat(400), byte: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...pictures),
      fc.nat(400),
      fc.array(change, { maxLength: 8 }),
      async (whole, length, changes) => {
        const bytes = Buffer.from(whole.subarray(0, Math.max(1, length)));
        for (const { at, byte } of changes) bytes[at % bytes.byteLength] = byte;
        await inspectPicture(bytes, maxPixels).then(
          ({ width, height }) => expect(width * height).toBeLessThanOrEqual(maxPixels),
          (error: unknown) => expect(error).toBeInstanceOf(PictureError),
        );
      },
    ),
    { numRuns: 500 },
  );
});
