import sharp from 'sharp';

/** A hash of 64 bits, as two numbers of 32. */
export type SmallHash = readonly [number, number];

const side = 32;
const waveSide = 8;

/**
 * The "pHash" that most libraries make: 32 × 32 grey pixels, the slowest 8 × 8 waves of their cosine transform, each above
 * or below the median (after C. Zauner, 2010).
 */
export async function hashSmall(bytes: Uint8Array): Promise<SmallHash> {
  const grey = await sharp(bytes)
    .flatten({ background: 'white' })
    .greyscale()
    .resize(side, side, { fit: 'fill' })
    .raw()
    .toBuffer();
  const waves: number[] = [];
  for (let v = 0; v < waveSide; v += 1)
    for (let h = 0; h < waveSide; h += 1) {
      let sum = 0;
      for (let row = 0; row < side; row += 1)
        for (let column = 0; column < side; column += 1)
          sum += (grey[row * side + column] ?? 0) * wave(v, row) * wave(h, column);
      waves.push(sum);
    }
  const median = waves.slice(1).sort((a, b) => a - b)[31] ?? 0;
  const word = (from: number) =>
    waves.slice(from, from + 32).reduce((bits, value, bit) => (value > median ? bits | (1 << bit) : bits), 0);
  return [word(0), word(32)];
}

const cosines = Array.from({ length: waveSide }, (_, number) =>
  Array.from({ length: side }, (_, place) => Math.cos((Math.PI / side) * number * (place + 0.5))),
);

function wave(number: number, place: number): number {
  return cosines[number]?.[place] ?? 0;
}

/** In how many of their 64 bits two hashes differ. */
export function smallDistance(a: SmallHash, b: SmallHash): number {
  let distance = 0;
  for (const part of [0, 1] as const) {
    let bits = a[part] ^ b[part];
    for (; bits !== 0; bits &= bits - 1) distance += 1;
  }
  return distance;
}
