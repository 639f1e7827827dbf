/**
 * PDQ, Meta's hash of what a picture looks like: its 16 × 16 slowest waves, each above or below the median.
 *
 * Source of the formulas: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Meta, 2019) and
 * the reference implementation in github.com/facebook/ThreatExchange, folder pdq/cpp.
 */

/** Rows and columns that a picture is shrunk to. */
const blockSide = 64;
/** Rows and columns of waves that are kept. */
const waveSide = 16;
/** Narrower or lower pictures are taken for flat ones, as in the reference. */
const leastSide = 5;
const hexDigits = 64;
const bitsPerDigit = 4;

/** `cosines[wave * 64 + place]`: the discrete cosine transform without its constant wave, that is waves 1 to 16. */
const cosines = new Float64Array(waveSide * blockSide);
for (let wave = 0; wave < waveSide; wave += 1)
  for (let place = 0; place < blockSide; place += 1)
    cosines[wave * blockSide + place] =
      Math.sqrt(2 / blockSide) * Math.cos((Math.PI / (2 * blockSide)) * (wave + 1) * (2 * place + 1));

/** Which pixels along one side make one of the 64 places, and what share of it each has. */
type Share = { first: number; weights: Float64Array };

/** What the box filter of a window covers around a place; the window is cut off at the picture's edges. */
function boxAround(place: number, window: number, side: number): { from: number; to: number } {
  const ahead = Math.floor((window + 2) / 2);
  return { from: Math.max(0, place - (window - ahead)), to: Math.min(side, place + ahead) };
}

/**
 * PDQ blurs a side by two box filters, each half a block wide (a tent, after W. Jarosz), and takes the middle of each of
 * 64 blocks. Both are sums, so they are made into one list of weights per block beforehand: only an eighth of what the
 * filters give is ever looked at.
 */
function sharesAlong(side: number): Share[] {
  const window = Math.ceil(side / (2 * blockSide));
  return Array.from({ length: blockSide }, (_, block) => {
    const outer = boxAround(Math.floor(((block + 0.5) * side) / blockSide), window, side);
    const first = boxAround(outer.from, window, side).from;
    const weights = new Float64Array(boxAround(outer.to - 1, window, side).to - first);
    for (let place = outer.from; place < outer.to; place += 1) {
      const inner = boxAround(place, window, side);
      const share = 1 / ((outer.to - outer.from) * (inner.to - inner.from));
      for (let pixel = inner.from; pixel < inner.to; pixel += 1)
        weights[pixel - first] = (weights[pixel - first] ?? 0) + share;
    }
    return { first, weights };
  });
}

/** Fills `target` with the brightness (Rec. 601) of a row of RGB pixels. */
function readLuma(rgb: Uint8Array, from: number, target: Float32Array): void {
  for (let column = 0, at = from; column < target.length; column += 1, at += 3)
    target[column] = 0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0);
}

/**
 * Shrinks a picture to 64 × 64 values of brightness, 0 to 255, row after row.
 *
 * @param rgb three bytes for each pixel, row after row
 * @returns zeros for a picture with a side under 5 pixels
 */
export function shrinkToBlocks(rgb: Uint8Array, width: number, height: number): Float32Array {
  const blocks = new Float32Array(blockSide * blockSide);
  if (width < leastSide || height < leastSide) return blocks;
  const across = sharesAlong(width);
  const luma = new Float32Array(width);
  const narrow = new Float32Array(height * blockSide); // [height, 64]
  for (let row = 0; row < height; row += 1) {
    readLuma(rgb, row * width * 3, luma);
    for (let block = 0; block < blockSide; block += 1)
      narrow[row * blockSide + block] = weigh(luma, 0, 1, across[block]);
  }
  sharesAlong(height).forEach((share, row) => {
    for (let column = 0; column < blockSide; column += 1)
      blocks[row * blockSide + column] = weigh(narrow, column, blockSide, share);
  });
  return blocks;
}

function weigh(values: Float32Array, start: number, stride: number, share: Share | undefined): number {
  if (share === undefined) return 0;
  const { first, weights } = share;
  let sum = 0;
  for (let index = 0, at = start + first * stride; index < weights.length; index += 1, at += stride)
    sum += (weights[index] ?? 0) * (values[at] ?? 0);
  return sum;
}

/**
 * How much there is to see in a picture, 0 to 100: the steps of brightness between neighbouring blocks in whole hundredths
 * (smaller ones are not counted), added up and divided by 90.
 */
export function measureQuality(blocks: Float32Array): number {
  let sum = 0;
  for (let row = 0; row < blockSide; row += 1)
    for (let column = 0; column < blockSide; column += 1) {
      const at = row * blockSide + column;
      const here = blocks[at] ?? 0;
      if (row + 1 < blockSide) sum += stepBetween(here, blocks[at + blockSide] ?? 0);
      if (column + 1 < blockSide) sum += stepBetween(here, blocks[at + 1] ?? 0);
    }
  return Math.min(100, Math.floor(sum / 90));
}

function stepBetween(one: number, other: number): number {
  return Math.floor((Math.abs(one - other) * 100) / 255);
}

/** How strong each of the 16 × 16 waves is: row after row, the vertical wave's number first. */
export function findWaves(blocks: Float32Array): Float64Array {
  const half = new Float64Array(waveSide * blockSide); // [vertical wave, column]
  for (let wave = 0; wave < waveSide; wave += 1)
    for (let row = 0; row < blockSide; row += 1) {
      const cosine = cosines[wave * blockSide + row] ?? 0;
      for (let column = 0; column < blockSide; column += 1) {
        const at = wave * blockSide + column;
        half[at] = (half[at] ?? 0) + cosine * (blocks[row * blockSide + column] ?? 0);
      }
    }
  const waves = new Float64Array(waveSide * waveSide);
  for (let vertical = 0; vertical < waveSide; vertical += 1)
    for (let horizontal = 0; horizontal < waveSide; horizontal += 1) {
      let sum = 0;
      for (let column = 0; column < blockSide; column += 1)
        sum += (half[vertical * blockSide + column] ?? 0) * (cosines[horizontal * blockSide + column] ?? 0);
      waves[vertical * waveSide + horizontal] = sum;
    }
  return waves;
}

/**
 * One bit for each wave, set where it is stronger than the median (of the two middle ones the lower), as a number in
 * hexadecimal digits whose last bit is the first wave.
 */
export function waveBits(waves: Float64Array): string {
  const median = waves.toSorted()[waves.length / 2 - 1] ?? 0;
  const digits = new Array<string>(hexDigits);
  for (let digit = 0; digit < hexDigits; digit += 1) {
    let value = 0;
    for (let bit = 0; bit < bitsPerDigit; bit += 1)
      if ((waves[digit * bitsPerDigit + bit] ?? 0) > median) value |= 1 << bit;
    digits[hexDigits - 1 - digit] = value.toString(16);
  }
  return digits.join('');
}

/** How a picture's waves change when it is turned: swapped with each other, or upside down where their number is odd. */
type Turn = { swapped: boolean; flipsRows: boolean; flipsColumns: boolean };

const turns: readonly Turn[] = [
  { swapped: true, flipsRows: false, flipsColumns: true }, // a quarter to the left
  { swapped: false, flipsRows: true, flipsColumns: true }, // a half
  { swapped: true, flipsRows: true, flipsColumns: false }, // a quarter to the right
  { swapped: false, flipsRows: true, flipsColumns: false }, // upside down in a mirror
  { swapped: false, flipsRows: false, flipsColumns: true }, // in a mirror
  { swapped: true, flipsRows: false, flipsColumns: false }, // along the falling diagonal
  { swapped: true, flipsRows: true, flipsColumns: true }, // along the rising diagonal
];

/**
 * The waves of the same picture rotated and mirrored, in seven ways, without another look at it: a mirror turns every other
 * wave upside down, a quarter turn also swaps rows and columns.
 */
export function turnWaves(waves: Float64Array): Float64Array[] {
  return turns.map(({ swapped, flipsRows, flipsColumns }) => {
    const turned = new Float64Array(waves.length);
    for (let row = 0; row < waveSide; row += 1)
      for (let column = 0; column < waveSide; column += 1) {
        // Waves are numbered from 1, so those at even places are the odd ones.
        const flipped = (flipsRows && row % 2 === 0) !== (flipsColumns && column % 2 === 0);
        const wave = waves[row * waveSide + column] ?? 0;
        turned[swapped ? column * waveSide + row : row * waveSide + column] = flipped ? -wave : wave;
      }
    return turned;
  });
}
