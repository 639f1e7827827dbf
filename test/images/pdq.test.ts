import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashPicture } from '../../src/images/hash-picture.ts';
import { hammingDistance } from '../../src/images/match-index.ts';
import { findWaves, measureQuality, shrinkToBlocks, turnWaves, waveBits } from '../../src/images/pdq.ts';
import { publishedBridge, publishedPicture, publishedPictureHash } from './published-hashes.ts';

/** One box filter along every row, as the whitepaper words it: the mean of a window that the edges cut off. */
function blurRows(rows: readonly (readonly number[])[], window: number): number[][] {
  const ahead = Math.floor((window + 2) / 2);
  return rows.map((row) =>
    row.map((_, place) => {
      const seen = row.slice(Math.max(0, place - (window - ahead)), place + ahead);
      return seen.reduce((sum, value) => sum + value, 0) / seen.length;
    }),
  );
}

function transpose(rows: readonly (readonly number[])[]): number[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? 0));
}

/** PDQ step by step on whole pictures: blur twice both ways, take the middles of 64 × 64 blocks. */
function slowBlocks(luma: readonly (readonly number[])[]): number[][] {
  const [height, width] = [luma.length, luma[0]?.length ?? 0];
  let blurred = luma.map((row) => [...row]);
  for (let pass = 0; pass < 2; pass += 1) {
    blurred = blurRows(blurred, Math.ceil(width / 128));
    blurred = transpose(blurRows(transpose(blurred), Math.ceil(height / 128)));
  }
  return Array.from({ length: 64 }, (_, row) =>
    Array.from(
      { length: 64 },
      (_, column) =>
        blurred[Math.floor(((row + 0.5) * height) / 64)]?.[Math.floor(((column + 0.5) * width) / 64)] ?? 0,
    ),
  );
}

/** One wave by the definition of the transform. */
function slowWave(blocks: readonly (readonly number[])[], vertical: number, horizontal: number): number {
  let sum = 0;
  for (let row = 0; row < 64; row += 1)
    for (let column = 0; column < 64; column += 1)
      sum +=
        (blocks[row]?.[column] ?? 0) *
        Math.cos((Math.PI * (vertical + 1) * (row + 0.5)) / 64) *
        Math.cos((Math.PI * (horizontal + 1) * (column + 0.5)) / 64);
  return sum / 32;
}

function bitOf(hash: string, bit: number): boolean {
  return ((BigInt(`0x${hash}`) >> BigInt(bit)) & 1n) === 1n;
}

const picture = fc
  .record({
    width: fc.integer({ min: 5, max: 300 }),
    height: fc.integer({ min: 5, max: 300 }),
    seed: fc.nat(),
  })
  .map(({ width, height, seed }) => {
    const rgb = new Uint8Array(width * height * 3);
    let state = seed;
    for (let at = 0; at < rgb.length; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      rgb[at] = (Math.floor(at / 700) * 37 + (state >>> 27)) & 255;
    }
    return { rgb, width, height };
  });

test('a picture is shrunk and transformed as by the slow and direct way', () => {
  fc.assert(
    fc.property(
      picture,
      fc.nat({ max: 15 }),
      fc.nat({ max: 15 }),
      ({ rgb, width, height }, vertical, horizontal) => {
        const luma = Array.from({ length: height }, (_, row) =>
          Array.from({ length: width }, (_, column) => {
            const at = (row * width + column) * 3;
            return 0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0);
          }),
        );
        const slow = slowBlocks(luma);
        const blocks = shrinkToBlocks(rgb, width, height);
        for (const [at, value] of slow.flat().entries()) expect(blocks[at]).toBeCloseTo(value, 2);
        const waves = findWaves(blocks);
        expect(waves[vertical * 16 + horizontal]).toBeCloseTo(slowWave(slow, vertical, horizontal), 1);
      },
    ),
    { numRuns: 15 },
  );
});

test('the bits are those of the waves above the lower median, the first wave last', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.double({ noNaN: true }), { minLength: 256, maxLength: 256 }), (values) => {
      const sorted = values.toSorted((a, b) => a - b);
      const hash = waveBits(Float64Array.from(values));
      expect(values.map((_, bit) => bitOf(hash, bit))).toEqual(
        values.map((value) => value > (sorted[127] ?? 0)),
      );
    }),
    { numRuns: 20 },
  );
});

test('the published picture has its published hash, to the bit', async () => {
  const { hash, quality } = await hashPicture(publishedPicture, 1_000_000);
  expect(hash).toBe(publishedPictureHash);
  expect(quality).toBe(100);
});

// Made by formulas in another project's tests of PDQ, with the qualities that Meta's program printed for them (reference at
// commit bd0108ff1745135a421856586d19d820dd62c6de): waves from top to bottom on a ramp, ever stronger.
test.each([
  [4, 0],
  [8, 24],
  [12, 49],
  [13, 54],
  [17, 77],
  [18, 82],
  [22, 100],
])('waves of strength %i have the quality that the reference gives them', (strength, quality) => {
  const side = 128;
  const rgb = new Uint8ClampedArray(side * side * 3);
  for (let row = 0; row < side; row += 1)
    for (let column = 0; column < side; column += 1) {
      const wave = Math.sin((row / side) * Math.PI * 14) * strength;
      const ramp = (column / side - 0.5) * strength;
      const values = [128 + wave + ramp, 128 + wave - ramp, 128 - wave];
      rgb.set(values.map(Math.round), (row * side + column) * 3);
    }
  expect(measureQuality(shrinkToBlocks(new Uint8Array(rgb.buffer), side, side))).toBe(quality);
});

test('turned waves give the published hashes of the turned bridge', () => {
  // Only the signs of its waves are known, as if the median were zero.
  const waves = Float64Array.from({ length: 256 }, (_, bit) =>
    bitOf(publishedBridge.original, bit) ? 1 : -1,
  );
  const hashes = turnWaves(waves).map((signs) => {
    const bits = [...signs].reduceRight((digits, sign) => `${digits}${sign > 0 ? 1 : 0}`, '0b');
    return BigInt(bits).toString(16).padStart(64, '0');
  });
  const distances = hashes.map((hash, at) => hammingDistance(hash, publishedBridge.turned[at] ?? ''));
  for (const distance of distances) expect(distance).toBeLessThanOrEqual(30);
  // Each of them is the nearest by far, so that none is taken for another.
  for (const [at, hash] of hashes.entries())
    for (const other of publishedBridge.turned.filter((_, other) => other !== at))
      expect(hammingDistance(hash, other)).toBeGreaterThan(60);
});
