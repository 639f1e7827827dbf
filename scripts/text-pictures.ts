/**
 * Pictures with text as sellers make them, drawn from a seed, with the text that is on them. The fonts come from npm
 * (SIL Open Font License), so that a machine without fonts draws the same: sharp's library brings everything else.
 */
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';

export const pictureKinds = [
  'poster',
  'price-card',
  'dense-list',
  'banner',
  'two-bands',
  'photo',
  'turned-noisy',
  'jpeg-q40',
  'small-320',
  'script-font',
  'no-text',
] as const;
export type PictureKind = (typeof pictureKinds)[number];

export type TextPicture = { kind: PictureKind; bytes: Buffer; lines: string[] };

type Rgb = readonly [number, number, number];

type FontName = 'Anton' | 'Poppins Bold' | 'Poppins Medium' | 'Pacifico';
const fonts: Record<FontName, string> = {
  Anton: import.meta.resolve('@expo-google-fonts/anton/400Regular/Anton_400Regular.ttf'),
  'Poppins Bold': import.meta.resolve('@expo-google-fonts/poppins/700Bold/Poppins_700Bold.ttf'),
  'Poppins Medium': import.meta.resolve('@expo-google-fonts/poppins/500Medium/Poppins_500Medium.ttf'),
  Pacifico: import.meta.resolve('@expo-google-fonts/pacifico/400Regular/Pacifico_400Regular.ttf'),
};

const headlines = [
  'BAL SEGEL KOREA',
  'BALL IMPORT JEPANG',
  'READY BAL KAOS',
  'OPEN PO KARUNGAN',
  'THRIFT MURAH',
  'PAKAIAN BEKAS IMPORT',
  'CUCI GUDANG',
  'GROSIR PRELOVED',
];
const prices = [
  '75rb',
  '35.000',
  'Rp 150.000',
  '5jt / bal',
  '10K AJA',
  '3 PCS 100RB',
  'HARGA 25RB',
  'Rp 4.750.000',
];
const details = [
  'kondisi 90% mulus',
  'size M L XL',
  'isi 200 pcs',
  'kaos jaket celana',
  'minat chat wa',
  'kirim dari Bandung',
  'grade A premium',
  'bisa COD',
  'hoodie crewneck vintage',
  'stok terbatas',
  'no retur no komplain',
  'masih segel pabrik',
];

/** Numbers in [0, 1) that a seed decides (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One line of text, `height` pixels from ascender to descender at most and never wider than `width`, on nothing. */
async function drawLine(text: string, font: FontName, colour: string, width: number, height: number) {
  const fontfile = fileURLToPath(fonts[font]);
  const markup = `<span foreground="${colour}">${text.replace('&', '&amp;')}</span>`;
  const drawn = await sharp({ text: { text: markup, font, fontfile, rgba: true, dpi: 300 } })
    .png()
    .toBuffer();
  return sharp(drawn).resize({ width, height, fit: 'inside' }).png().toBuffer({ resolveWithObject: true });
}

type Line = { text: string; font: FontName; colour: string; height: number };

/** Lines one below the other, in the middle of a background, the whole as a PNG of that size. */
async function drawLines(background: Sharp, width: number, height: number, lines: Line[]) {
  const gap = Math.round(height / (lines.length * 2 + 1));
  const step = Math.floor((height - gap) / lines.length);
  const overlays = await Promise.all(
    lines.map(async (line, at) => {
      const { data, info } = await drawLine(
        line.text,
        line.font,
        line.colour,
        Math.floor(width * 0.86),
        line.height,
      );
      const top = gap + at * step + Math.max(0, Math.floor((step - gap - info.height) / 2));
      return { input: data, left: Math.floor((width - info.width) / 2), top };
    }),
  );
  return background.composite(overlays).png().toBuffer();
}

function plain(width: number, height: number, [r, g, b]: Rgb): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

/** Soft blotches of colour with grain, as folded clothes give them. */
async function photo(width: number, height: number, random: () => number): Promise<Sharp> {
  const blotches = Buffer.from(Array.from({ length: 9 * 9 * 3 }, () => 40 + Math.floor(random() * 170)));
  const soft = await sharp(blotches, { raw: { width: 9, height: 9, channels: 3 } })
    .resize({ width, height, fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
  return sharp(addGrain(soft, 24, random), { raw: { width, height, channels: 3 } });
}

function addGrain(pixels: Buffer, strength: number, random: () => number): Buffer {
  const grained = Buffer.alloc(pixels.length);
  for (let at = 0; at < pixels.length; at += 1) {
    grained[at] = Math.max(0, Math.min(255, (pixels[at] ?? 0) + (random() - 0.5) * 2 * strength));
  }
  return grained;
}

/**
 * Draws one picture.
 *
 * @param seed the same seed and kind give the same picture
 */
export async function drawTextPicture(kind: PictureKind, seed: number): Promise<TextPicture> {
  const random = randomFrom(seed * 1_000 + pictureKinds.indexOf(kind));
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] ?? '';
  const [first, second] = [pick(details.slice(0, 6)), pick(details.slice(6))];
  const few = [pick(headlines), pick(prices), first, second];
  const many = [pick(headlines), ...details, ...prices.slice(0, 4)];
  const lines = kind === 'no-text' ? [] : kind === 'dense-list' ? many : few;
  const bytes = await drawKind(kind, lines, random);
  return { kind, bytes, lines };
}

async function drawKind(kind: PictureKind, texts: string[], random: () => number): Promise<Buffer> {
  const dark = (font: FontName): Line[] => styled(texts, font, '#222222', 1);
  const light = (font: FontName): Line[] => styled(texts, font, '#ffffff', 1);
  switch (kind) {
    case 'poster':
      return jpeg(await drawLines(plain(1080, 1080, [250, 240, 220]), 1080, 1080, dark('Poppins Bold')), 85);
    case 'price-card': {
      const [headline = '', price = '', ...rest] = texts;
      const card: Line[] = [
        { text: headline, font: 'Poppins Medium', colour: '#333333', height: 50 },
        { text: price, font: 'Anton', colour: '#c01010', height: 170 },
        ...rest.map((text): Line => ({ text, font: 'Poppins Medium', colour: '#333333', height: 42 })),
      ];
      return jpeg(await drawLines(plain(900, 900, [255, 255, 255]), 900, 900, card), 85);
    }
    case 'dense-list': {
      const list = texts.map(
        (text): Line => ({ text, font: 'Poppins Medium', colour: '#333333', height: 32 }),
      );
      return jpeg(await drawLines(plain(1080, 1080, [255, 255, 255]), 1080, 1080, list), 85);
    }
    case 'banner':
      return jpeg(await drawLines(plain(1200, 630, [200, 16, 24]), 1200, 630, light('Anton')), 85);
    case 'two-bands': {
      const upper = await drawLines(plain(1080, 540, [16, 40, 110]), 1080, 540, light('Anton').slice(0, 2));
      const lower = await drawLines(
        plain(1080, 540, [255, 230, 60]),
        1080,
        540,
        dark('Poppins Bold').slice(2),
      );
      const both = plain(1080, 1080, [0, 0, 0]).composite([
        { input: upper, left: 0, top: 0 },
        { input: lower, left: 0, top: 540 },
      ]);
      return jpeg(await both.png().toBuffer(), 85);
    }
    case 'photo':
      return jpeg(
        await drawLines(
          await photo(1080, 1350, random),
          1080,
          1350,
          styled(texts, 'Poppins Bold', '#ffffff', 1.2),
        ),
        80,
      );
    case 'turned-noisy': {
      const flat = await drawLines(plain(1080, 1080, [235, 235, 225]), 1080, 1080, dark('Poppins Bold'));
      const turned = sharp(flat)
        .rotate(3, { background: { r: 235, g: 235, b: 225 } })
        .removeAlpha();
      const { data, info } = await turned.raw().toBuffer({ resolveWithObject: true });
      const raw = { width: info.width, height: info.height, channels: 3 as const };
      return jpeg(
        await sharp(addGrain(data, 60, random), { raw })
          .png()
          .toBuffer(),
        75,
      );
    }
    case 'jpeg-q40':
      return jpeg(await drawLines(plain(800, 800, [255, 220, 225]), 800, 800, dark('Poppins Medium')), 40);
    case 'small-320': {
      const large = await drawLines(plain(1080, 1080, [245, 245, 245]), 1080, 1080, dark('Poppins Medium'));
      return jpeg(await sharp(large).resize({ width: 320 }).png().toBuffer(), 75);
    }
    case 'no-text':
      return jpeg(await (await photo(1080, 1080, random)).png().toBuffer(), 80);
    case 'script-font':
      return jpeg(await drawLines(plain(1080, 1080, [255, 245, 250]), 1080, 1080, dark('Pacifico')), 85);
  }
}

/** A headline, a price and smaller lines below, in one font and colour. */
function styled(texts: string[], font: FontName, colour: string, size: number): Line[] {
  const heights = [120, 100, 60, 60];
  return texts.map((text, at) => ({ text, font, colour, height: Math.round((heights[at] ?? 60) * size) }));
}

function jpeg(picture: Buffer, quality: number): Promise<Buffer> {
  return sharp(picture).flatten().jpeg({ quality }).toBuffer();
}
