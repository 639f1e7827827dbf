import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { unpackGzip, unpackIfGzip } from '../../src/intake/unpack-gzip.ts';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += size) yield bytes.subarray(from, from + size);
}

/** What came before the end or the error, and the error's code. */
async function read(source: AsyncIterable<Uint8Array>): Promise<{ text: string; code: unknown }> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of source) parts.push(part);
  } catch (error) {
    return { text: Buffer.concat(parts).toString(), code: (error as { code?: unknown }).code };
  }
  return { text: Buffer.concat(parts).toString(), code: null };
}

const text = Array.from({ length: 20_000 }, (_, n) => `baris ${n} ${Math.sin(n)}\n`).join('');

test.each([1, 7, 64 * 1024, 10_000_000])('unpacks gzip that comes in pieces of %i bytes', async (size) => {
  const part = size < 100 ? text.slice(0, 20_000) : text;
  expect((await read(unpackIfGzip(pieces(gzipSync(part), size)))).text === part).toBe(true);
});

test('passes plain bytes on as they are, and those of several members and padding as one', async () => {
  expect(await read(unpackIfGzip(pieces(Buffer.from('x'), 1)))).toEqual({ text: 'x', code: null });
  expect(await read(unpackIfGzip(pieces(Buffer.from(''), 1)))).toEqual({ text: '', code: null });
  const members = Buffer.concat([gzipSync('satu '), gzipSync('dua'), Buffer.alloc(100_000)]);
  for (const size of [1_000, 1_000_000])
    expect(await read(unpackIfGzip(pieces(members, size)))).toEqual({ text: 'satu dua', code: null });
});

test('gives everything before the end of a file that was cut off, and then says so', async () => {
  const packed = gzipSync(text);
  for (const share of [0.001, 0.3, 0.9]) {
    const result = await read(unpackIfGzip(pieces(packed.subarray(0, packed.byteLength * share), 5_000)));
    expect(result.code).toBe('INPUT_BROKEN');
    expect(text.startsWith(result.text)).toBe(true);
    expect(result.text.length).toBeGreaterThan(text.length * (share - 0.1));
  }
  const withoutEnd = await read(unpackIfGzip(pieces(packed.subarray(0, -4), 5_000)));
  expect([withoutEnd.text === text, withoutEnd.code]).toEqual([true, 'INPUT_BROKEN']);
});

test('says of damaged gzip, and of what is none, that it is broken', async () => {
  const packed = gzipSync(text);
  packed.fill(0xff, packed.byteLength / 2, packed.byteLength / 2 + 100);
  const damaged = await read(unpackIfGzip(pieces(packed, 5_000)));
  expect([damaged.code, damaged.text.length > text.length / 3]).toEqual(['INPUT_BROKEN', true]);
  expect(await read(unpackGzip(pieces(Buffer.from('no gzip'), 100)))).toEqual({
    text: '',
    code: 'INPUT_BROKEN',
  });
});

test('unpacks no more of a bomb than is read, with little memory', async () => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 9 });
  let bytes = 0;
  let most = 0;
  global.gc?.();
  const before = process.memoryUsage().rss;
  for await (const part of unpackIfGzip(pieces(bomb, 64 * 1024))) {
    bytes += part.byteLength;
    most = Math.max(most, process.memoryUsage().rss - before);
    if (bytes > 64 * 1024 * 1024) break;
  }
  expect(bytes).toBeLessThan(80 * 1024 * 1024);
  expect(most).toBeLessThan(60 * 1024 * 1024);
});
