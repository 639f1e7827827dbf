/**
 * Freezes, hashes and draws anew a thousand different pictures in one process, as the service does, and prints its memory
 * after every hundred: it must not grow.
 * Usage: node scripts/measure-memory.ts [pictures]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { freeze } from '../src/capture-pictures.ts';
import { openCaptureStore } from '../src/images/capture-store.ts';
import { hashPicture } from '../src/images/hash-picture.ts';
import { inspectPicture } from '../src/images/inspect-picture.ts';
import { makeThumbnail } from '../src/images/thumbnail.ts';

const pictures = Number(process.argv[2] ?? 1_000);
const mostPixels = 50_000_000;
sharp.cache(false);
sharp.concurrency(1);
const hash = (bytes: Uint8Array) => hashPicture(bytes, mostPixels);
const folder = mkdtempSync(join(tmpdir(), 'saring-memory-'));
const captures = await openCaptureStore({ kind: 'folder', folder });
const began = performance.now();
for (let n = 1; n <= pictures; n += 1) {
  const noise = { type: 'gaussian' as const, mean: 60 + (n % 120), sigma: 5 + (n % 40) };
  const create = { width: 1080, height: 1080, channels: 3 as const, background: '#777', noise };
  const bytes = await sharp({ create }).jpeg({ quality: 80 }).toBuffer();
  const inspected = await inspectPicture(bytes, mostPixels);
  const { sha256 } = await freeze({ bytes, ...inspected }, { captures, hash });
  await makeThumbnail(await captures.get(sha256), { side: 320, maxPixels: mostPixels });
  if (n % (pictures / 10) === 0) {
    const rate = n / ((performance.now() - began) / 1000);
    console.log(
      `${n} pictures: ${(process.memoryUsage.rss() / 1024 / 1024).toFixed(0)} MiB, ${rate.toFixed(1)} pictures/s, drawing them included`,
    );
  }
}
await captures.close();
rmSync(folder, { recursive: true, force: true });
