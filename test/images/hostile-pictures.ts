import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32, createDeflate, deflateSync } from 'node:zlib';
import sharp from 'sharp';

const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** A small sound picture. */
export function picture(format: 'jpeg' | 'png' | 'webp' | 'gif' | 'avif', width = 40, height = 30) {
  const create = { width, height, channels: 3, background: '#c33' } as const;
  return sharp({ create }).toFormat(format).toBuffer();
}

/** A whole PNG of one colour, one bit a pixel, as large as it says; its pixels are compressed a thousandfold. */
export async function pngOf(width: number, height: number, before: Uint8Array = Buffer.alloc(0)) {
  const row = Buffer.alloc(1 + Math.ceil(width / 8));
  const rows = Readable.from(
    (function* () {
      for (let each = 0; each < height; each += 1) yield row;
    })(),
  );
  const pixels = await buffer(rows.pipe(createDeflate()));
  return Buffer.concat([
    signature,
    pngHeader(width, height),
    before,
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A colour profile that unpacks to so many bytes. */
export function profileBomb(bytes: number): Buffer {
  return chunk('iCCP', Buffer.concat([Buffer.from('p\0\0'), deflateSync(Buffer.alloc(bytes), { level: 9 })]));
}

/** A GIF of very many empty frames, about 18 bytes each. */
export async function gifOfFrames(count: number): Promise<Buffer> {
  const frame = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
  const head = Buffer.from([...Buffer.from('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  return Buffer.concat([head, Buffer.alloc(frame.byteLength * count, frame), Buffer.from([0x3b])]);
}

/** A JPEG whose frame header claims another size. */
export async function jpegClaiming(width: number, height: number): Promise<Buffer> {
  const bytes = await picture('jpeg');
  const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(height, frame + 5);
  bytes.writeUInt16BE(width, frame + 7);
  return bytes;
}

/** A GIF whose screen and first frame claim another size. */
export async function gifClaiming(width: number, height: number): Promise<Buffer> {
  const bytes = await picture('gif');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  const frame = bytes.indexOf(0x2c, 13);
  bytes.writeUInt16LE(width, frame + 5);
  bytes.writeUInt16LE(height, frame + 7);
  return bytes;
}

/** A WebP (lossy) whose frame claims another size, at most 16383 each way. */
export async function webpClaiming(width: number, height: number): Promise<Buffer> {
  const bytes = await picture('webp');
  const start = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a]));
  bytes.writeUInt16LE(width, start + 3);
  bytes.writeUInt16LE(height, start + 5);
  return bytes;
}

/** An AVIF whose properties claim another size. */
export async function avifClaiming(width: number, height: number): Promise<Buffer> {
  const bytes = await picture('avif');
  const property = bytes.indexOf('ispe');
  bytes.writeUInt32BE(width, property + 8);
  bytes.writeUInt32BE(height, property + 12);
  return bytes;
}

/** An ISO base media file of these brands and nothing else. */
export function mediaFile(...brands: string[]): Buffer {
  const [main = '', ...compatible] = brands;
  const body = Buffer.from(`ftyp${main}\0\0\0\0${compatible.join('')}`, 'latin1');
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.byteLength + 4);
  return Buffer.concat([size, body]);
}

function pngHeader(width: number, height: number): Buffer {
  const body = Buffer.alloc(13);
  body.writeUInt32BE(width, 0);
  body.writeUInt32BE(height, 4);
  body[8] = 1;
  return chunk('IHDR', body);
}

function chunk(type: string, body: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const bounds = Buffer.alloc(8);
  bounds.writeUInt32BE(body.byteLength, 0);
  bounds.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([bounds.subarray(0, 4), named, bounds.subarray(4)]);
}
