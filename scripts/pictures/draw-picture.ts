import sharp from 'sharp';
import { createRandom, type Random } from '../../src/classifier/random.ts';

/**
 * What a drawn picture shows: a photo-like scene, one thing on a plain ground, a poster, a scene in a shop's frame, or a
 * shop's card, which is the same scene each time but for its middle.
 */
export type PictureKind = 'scene' | 'thing' | 'poster' | 'framed' | 'card';

/** Pixels of a picture, three bytes each. */
export type Drawing = { kind: PictureKind; rgb: Buffer; width: number; height: number };

const kinds: readonly PictureKind[] = [
  'scene',
  'thing',
  'card',
  'poster',
  'scene',
  'framed',
  'thing',
  'poster',
];
const sizes: readonly (readonly [number, number])[] = [
  [640, 640],
  [640, 480],
  [480, 640],
  [720, 540],
  [540, 720],
];
/** Cells along a side of the noise that makes a scene, and how strong each is: about as one over its fineness. */
const noiseLayers: readonly (readonly [number, number])[] = [
  [2, 80],
  [4, 60],
  [8, 36],
  [16, 20],
  [40, 10],
  [160, 6],
];
const shopFrames = 8;
const shopCards = 4;
/** The part of a card's width and height that differs. */
const cardMiddle = 0.55;

/** Draws the picture of a seed, always the same one: clouds of noise at several scales, shapes, and strips like text. */
export async function drawPicture(seed: number): Promise<Drawing> {
  const random = createRandom(seed * 2_654_435_761 + 1);
  const kind = kinds[seed % kinds.length] ?? 'scene';
  if (kind === 'card') return drawCard(random);
  const [width, height] = sizes[Math.floor(random() * sizes.length)] ?? [640, 640];
  return { kind, rgb: await draw(kind, width, height, random), width, height };
}

async function drawCard(random: Random): Promise<Drawing> {
  const [width, height] = [640, 640];
  const [wide, high] = [Math.round(width * cardMiddle), Math.round(height * cardMiddle)];
  const around = await draw('scene', width, height, createRandom(1_000 + Math.floor(random() * shopCards)));
  const middle = await draw(random() < 0.5 ? 'scene' : 'thing', wide, high, random);
  const rgb = await sharp(around, { raw: { width, height, channels: 3 } })
    .composite([{ input: middle, raw: { width: wide, height: high, channels: 3 } }])
    .raw()
    .toBuffer();
  return { kind: 'card', rgb, width, height };
}

async function draw(kind: PictureKind, width: number, height: number, random: Random): Promise<Buffer> {
  const ground =
    kind === 'scene' || kind === 'framed' ? await noise(width, height, random) : plain(width, height, random);
  const layers = [{ input: svg(width, height, shapesOf(kind, width, height, random)) }];
  if (kind === 'framed') {
    const frame = createRandom(Math.floor(random() * shopFrames) + 1);
    layers.push({ input: svg(width, height, shopFrame(width, height, frame)) });
  }
  return sharp(ground, { raw: { width, height, channels: 3 } })
    .composite(layers)
    .removeAlpha()
    .raw()
    .toBuffer();
}

/** A picture of one brightness, or of one that rises evenly to the right and to the bottom by `rise` in all. */
export function drawFlat(width: number, height: number, level: number, rise: number): Drawing {
  const rgb = Buffer.alloc(width * height * 3);
  for (let at = 0; at < rgb.length; at += 1) {
    const pixel = Math.floor(at / 3);
    const part = (pixel % width) / width + Math.floor(pixel / width) / height;
    rgb[at] = Math.min(255, Math.round(level + (rise * part) / 2));
  }
  return { kind: 'thing', rgb, width, height };
}

async function noise(width: number, height: number, random: Random): Promise<Buffer> {
  const sums = new Float32Array(width * height * 3).fill(60 + random() * 120);
  for (const [cells, amount] of noiseLayers) {
    const small = Buffer.from(Array.from({ length: cells * cells * 3 }, () => Math.floor(random() * 256)));
    const layer = await sharp(small, { raw: { width: cells, height: cells, channels: 3 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .raw()
      .toBuffer();
    const share = amount / 160;
    for (let at = 0; at < sums.length; at += 3) {
      // Mostly brightness, as in photos, and a little colour.
      const bright = ((layer[at] ?? 0) - 128) * share;
      for (let channel = 0; channel < 3; channel += 1)
        sums[at + channel] =
          (sums[at + channel] ?? 0) + bright + ((layer[at + channel] ?? 0) - 128) * share * 0.3;
    }
  }
  return Buffer.from(Uint8ClampedArray.from(sums));
}

function plain(width: number, height: number, random: Random): Buffer {
  const level = 120 + random() * 120;
  const rise = (random() - 0.5) * 80;
  return drawFlat(width, height, Math.max(0, level), rise).rgb;
}

function colour(random: Random): string {
  return `rgb(${[0, 0, 0].map(() => Math.floor(random() * 256)).join(',')})`;
}

function shapesOf(kind: PictureKind, width: number, height: number, random: Random): string {
  if (kind === 'poster') return poster(width, height, random);
  if (kind === 'thing') return thing(width, height, random);
  const count = 3 + Math.floor(random() * 8);
  return Array.from({ length: count }, () => shape(width, height, 0.08 + random() * 0.4, random)).join('');
}

function shape(width: number, height: number, size: number, random: Random): string {
  const [x, y] = [random() * width, random() * height];
  const [across, down] = [size * width * (0.4 + random()), size * height * (0.4 + random())];
  const look = `fill="${colour(random)}" opacity="${0.5 + random() * 0.5}"`;
  const chosen = random();
  if (chosen < 0.35) return `<ellipse cx="${x}" cy="${y}" rx="${across / 2}" ry="${down / 2}" ${look}/>`;
  if (chosen < 0.65)
    return `<rect x="${x - across / 2}" y="${y - down / 2}" width="${across}" height="${down}" ${look}/>`;
  const corners = Array.from(
    { length: 5 },
    () => `${x + (random() - 0.5) * across},${y + (random() - 0.5) * down}`,
  );
  return `<polygon points="${corners.join(' ')}" ${look}/>`;
}

/** A garment-like outline in the middle with folds and stripes on it. */
function thing(width: number, height: number, random: Random): string {
  const corners = Array.from({ length: 14 }, (_, index) => {
    const angle = (index / 14) * 2 * Math.PI;
    const reach = 0.22 + random() * 0.24;
    return `${width * (0.5 + reach * Math.cos(angle))},${height * (0.5 + reach * Math.sin(angle))}`;
  });
  const marks = Array.from({ length: 4 + Math.floor(random() * 6) }, () =>
    shape(width * 0.6, height * 0.6, 0.05 + random() * 0.25, random),
  );
  return `<polygon points="${corners.join(' ')}" fill="${colour(random)}"/><g transform="translate(${width * 0.2},${height * 0.2})">${marks.join('')}</g>`;
}

function poster(width: number, height: number, random: Random): string {
  const blocks = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
    shape(width, height, 0.2 + random() * 0.4, random),
  );
  const strips: string[] = [];
  let top = height * (0.05 + random() * 0.1);
  while (top < height * 0.92) {
    const size = height * (0.02 + random() * 0.06);
    strips.push(textStrip(width * 0.06, top, width * (0.4 + random() * 0.5), size, random));
    top += size * (1.3 + random());
  }
  return blocks.join('') + strips.join('');
}

/** Dark bars as wide as letters, with gaps between words. */
function textStrip(left: number, top: number, wide: number, size: number, random: Random): string {
  const ink = random() < 0.7 ? 'rgb(20,20,30)' : colour(random);
  const letters: string[] = [];
  for (let x = left; x < left + wide; x += size * 0.7) {
    if (random() < 0.15) continue;
    letters.push(
      `<rect x="${x}" y="${top + random() * size * 0.3}" width="${size * (0.2 + random() * 0.35)}" height="${size * (0.6 + random() * 0.4)}" fill="${ink}"/>`,
    );
  }
  return letters.join('');
}

/** What a shop puts around every picture: a border, a banner with its name, and a badge. */
function shopFrame(width: number, height: number, random: Random): string {
  const edge = width * (0.03 + random() * 0.04);
  const banner = height * (0.12 + random() * 0.08);
  return [
    `<rect width="${width}" height="${height}" fill="none" stroke="${colour(random)}" stroke-width="${2 * edge}"/>`,
    `<rect y="${height - banner}" width="${width}" height="${banner}" fill="${colour(random)}"/>`,
    textStrip(width * 0.08, height - banner * 0.75, width * 0.8, banner * 0.5, random),
    `<circle cx="${width * (random() < 0.5 ? 0.14 : 0.86)}" cy="${height * 0.13}" r="${width * 0.09}" fill="${colour(random)}"/>`,
  ].join('');
}

function svg(width: number, height: number, body: string): Buffer {
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`,
  );
}
