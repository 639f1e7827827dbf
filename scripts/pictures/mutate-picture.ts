import sharp, { type Sharp } from 'sharp';
import type { Drawing } from './draw-picture.ts';

/** One way in which a copy of a picture differs from it. */
export type Mutation = { name: string; apply(drawing: Drawing): Promise<Buffer> };

/** Copies are saved as most programs do, but where the saving itself is the change. */
const usualQuality = 85;

/** The picture as its owner published it. */
export function encodeOriginal(drawing: Drawing): Promise<Buffer> {
  return open(drawing).jpeg({ quality: 92 }).toBuffer();
}

function open({ rgb, width, height }: Drawing): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 } });
}

function change(name: string, apply: (picture: Sharp, drawing: Drawing) => Sharp): Mutation {
  return {
    name,
    // Twice through sharp, since it would put some steps into an order of its own.
    apply: async (drawing) => {
      const { data, info } = await apply(open(drawing), drawing)
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      return sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
        .jpeg({ quality: usualQuality })
        .toBuffer();
    },
  };
}

function saved(name: string, save: (picture: Sharp) => Sharp): Mutation {
  return { name, apply: (drawing) => save(open(drawing)).toBuffer() };
}

function resized(factor: number): Mutation {
  return change(`resized × ${factor}`, (picture, { width }) => picture.resize(Math.round(width * factor)));
}

function bordered(percent: number, background: string): Mutation {
  return change(`${background} border, ${percent} % each side`, (picture, { width, height }) => {
    const [x, y] = [Math.round((width * percent) / 100), Math.round((height * percent) / 100)];
    return picture.extend({ left: x, right: x, top: y, bottom: y, background });
  });
}

function cropped(percent: number): Mutation {
  return change(`cropped, ${percent} % each side`, (picture, { width, height }) => {
    const [left, top] = [Math.round((width * percent) / 100), Math.round((height * percent) / 100)];
    return picture.extract({ left, top, width: width - 2 * left, height: height - 2 * top });
  });
}

function overlaid(name: string, draw: (width: number, height: number) => string): Mutation {
  return change(name, (picture, { width, height }) =>
    picture.composite([
      {
        input: Buffer.from(
          `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${draw(width, height)}</svg>`,
        ),
      },
    ]),
  );
}

/** Bars that look like a line of letters. */
function letters(left: number, top: number, wide: number, size: number, look: string): string {
  return Array.from(
    { length: Math.floor(wide / (size * 0.7)) },
    (_, index) =>
      `<rect x="${left + index * size * 0.7}" y="${top + (index % 3) * size * 0.1}" width="${size * 0.4}" height="${size * 0.8}" ${look}/>`,
  ).join('');
}

/** How copies of pictures differ, on their way through chats, sales platforms and sellers' hands. */
export const mutations: readonly Mutation[] = [
  saved('JPEG, quality 90', (picture) => picture.jpeg({ quality: 90 })),
  saved('JPEG, quality 60', (picture) => picture.jpeg({ quality: 60 })),
  saved('JPEG, quality 30', (picture) => picture.jpeg({ quality: 30 })),
  saved('WebP, quality 75', (picture) => picture.webp({ quality: 75 })),
  resized(0.25),
  resized(0.5),
  resized(2),
  ...[2, 5, 10].map((percent) => bordered(percent, 'white')),
  ...[2, 5, 10].map((percent) => bordered(percent, 'black')),
  ...[2, 5, 10].map(cropped),
  overlaid('watermark across, half transparent', (width, height) =>
    letters(width * 0.1, height * 0.44, width * 0.8, height * 0.12, 'fill="white" opacity="0.5"'),
  ),
  overlaid(
    'caption over the lowest 12 %',
    (width, height) =>
      `<rect y="${height * 0.88}" width="${width}" height="${height * 0.12}" fill="black"/>${letters(width * 0.05, height * 0.9, width * 0.9, height * 0.08, 'fill="white"')}`,
  ),
  overlaid(
    'small logo in a corner',
    (width, height) => `<circle cx="${width * 0.88}" cy="${height * 0.1}" r="${width * 0.07}" fill="red"/>`,
  ),
  change('brighter by a quarter', (picture) => picture.linear(1.25, 0)),
  change('darker by a quarter', (picture) => picture.linear(0.75, 0)),
  change('contrast × 1.4', (picture) => picture.linear(1.4, -51)),
  change('blurred, 2 pixels', (picture) => picture.blur(2)),
  change('sharpened', (picture) => picture.sharpen({ sigma: 2 })),
  change('grey', (picture) => picture.greyscale().toColourspace('srgb')),
  change('mirrored', (picture) => picture.flop()),
  change('upside down in a mirror', (picture) => picture.flip()),
  ...[90, 180, 270].map((angle) => change(`turned by ${angle}°`, (picture) => picture.rotate(angle))),
  change('tilted by 2°', (picture) => picture.rotate(2, { background: 'white' })),
  change('in a screenshot of a phone', (picture, { width, height }) => {
    const bar = Math.round(Math.max(0, width * 2 - height) / 2);
    return picture.extend({ top: bar, bottom: bar, background: '#111111' });
  }),
];
