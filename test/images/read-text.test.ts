import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, expect, test, vi } from 'vitest';
import { drawTextPicture } from '../../scripts/text-pictures.ts';
import { createTextReader, type TextReader } from '../../src/images/read-text.ts';
import { startReadingProcess } from '../../src/images/reading-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'saring-read-text-'));
const opened: TextReader[] = [];
const shared = open({});
const blank = await plainPicture(8, 8).png().toBuffer();
const poster = await drawTextPicture('poster', 1);

afterAll(async () => {
  await Promise.all(opened.map((reader) => reader.close()));
  rmSync(folder, { recursive: true, force: true });
});

function open(options: Parameters<typeof createTextReader>[0]): TextReader {
  const reader = createTextReader(options);
  opened.push(reader);
  return reader;
}

function plainPicture(width: number, height: number) {
  return sharp({ create: { width, height, channels: 3, background: '#f4eedd' } });
}

/** Specks that look like letters, on which Tesseract works for seconds. */
function specks(): Promise<Buffer> {
  let state = 1;
  const pixels = Buffer.from(
    Array.from({ length: 400 * 400 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state < 2 ** 32 * 0.2 ? 0 : 255;
    }),
  );
  const raw = { width: 400, height: 400, channels: 1 as const };
  return sharp(pixels, { raw }).resize(800, 800, { kernel: 'nearest' }).png().toBuffer();
}

/** A PNG whose header promises that size and whose body is eight bytes. */
function pngOf(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // eight bits of red, green and blue
  const parts = [
    pngChunk('IHDR', header),
    pngChunk('IDAT', Buffer.alloc(8)),
    pngChunk('IEND', Buffer.alloc(0)),
  ];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

function pngChunk(name: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), body]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([size, named, sum]);
}

/** The processes this one has started and that still run. */
function children(): number[] {
  const tasks = readdirSync(`/proc/${process.pid}/task`);
  return tasks.flatMap((task) =>
    readFileSync(`/proc/${process.pid}/task/${task}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
}

/** Whether a process is there and not just waiting for somebody to take note of its end. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('reads the words of a picture, a line per line', async () => {
  const { text, confidence } = await shared.read(poster.bytes);
  expect(text.split('\n')).toEqual(poster.lines);
  expect(confidence).toBeGreaterThan(0.8);
  expect(confidence).toBeLessThanOrEqual(1);
});

test('reads white writing on red and on a photograph', async () => {
  const banner = await drawTextPicture('banner', 1);
  const photo = await drawTextPicture('photo', 1);
  expect((await shared.read(banner.bytes)).text.split('\n')).toEqual(banner.lines);
  expect((await shared.read(photo.bytes)).text.split('\n')).toEqual(photo.lines);
});

test.each(['png', 'webp', 'gif', 'avif'] as const)('reads %s', async (format) => {
  const picture = await sharp(poster.bytes).resize(600).toFormat(format).toBuffer();
  expect((await shared.read(picture)).text).toContain(poster.lines[0]);
});

test('turns a picture upright as its camera says', async () => {
  const turned = await sharp(poster.bytes).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer();
  expect((await shared.read(turned)).text).toContain(poster.lines[0]);
});

test('answers two pictures asked at once, each with its own text, in order', async () => {
  const card = await drawTextPicture('price-card', 2);
  const answers: string[] = [];
  const [first, second] = await Promise.all(
    [poster, card].map(async ({ bytes, lines }) => {
      const { text } = await shared.read(bytes);
      answers.push(lines[0] ?? '');
      return text;
    }),
  );
  expect(first).toContain(poster.lines[0]);
  expect(second).toContain(card.lines[0]);
  expect(answers).toEqual([poster.lines[0], card.lines[0]]);
});

test('finds nothing on a blank picture and on a single pixel', async () => {
  expect(await shared.read(blank)).toEqual({ text: '', confidence: 0 });
  expect(await shared.read(await plainPicture(1, 1).png().toBuffer())).toEqual({ text: '', confidence: 0 });
});

test.each([
  ['a truncated one', poster.bytes.subarray(0, 9_000), 'damaged'],
  [
    'one with a broken body',
    Buffer.concat([poster.bytes.subarray(0, 700), Buffer.alloc(9_000, 255)]),
    'damaged',
  ],
  ['a header that promises 50,000 × 50,000 pixels', pngOf(50_000, 50_000), 'too-many-pixels'],
  ['no bytes', Buffer.alloc(0), 'not-a-picture'],
  [
    'a drawing that could name files',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    'not-a-picture',
  ],
])('refuses %s and reads the next in the same process', async (_, bytes, problem) => {
  await shared.read(blank);
  const before = children();
  await expect(shared.read(bytes)).rejects.toMatchObject({ name: 'PictureError', problem, passing: false });
  expect(await shared.read(blank)).toEqual({ text: '', confidence: 0 });
  expect(children()).toEqual(before);
});

test('refuses more pixels than it was told', async () => {
  const reader = open({ maxPixels: 63 });
  await expect(reader.read(blank)).rejects.toMatchObject({ problem: 'too-many-pixels' });
});

test('breaks off a picture that takes too long, and reads the next', async () => {
  const reader = open({ timeoutMs: 400 });
  const slow = reader.read(await specks());
  const next = reader.read(blank);
  await expect(slow).rejects.toMatchObject({ problem: 'reading-failed', passing: true });
  expect(await next).toEqual({ text: '', confidence: 0 });
});

test('breaks off a picture that takes too much memory, and reads the next', async () => {
  const reader = open({ maxRssMib: 330 });
  const huge = await plainPicture(7_000, 7_000)
    .jpeg({ progressive: true, chromaSubsampling: '4:4:4' })
    .toBuffer();
  await expect(reader.read(huge)).rejects.toMatchObject({ problem: 'reading-failed', passing: false });
  expect(await reader.read(blank)).toEqual({ text: '', confidence: 0 });
});

test('survives the death of its process, and reads the next', async () => {
  const reader = open({});
  const others = children();
  await reader.read(blank);
  const slow = reader.read(await specks());
  const outcome = expect(slow).rejects.toMatchObject({ problem: 'reading-failed', passing: true });
  const ours = children().find((pid) => !others.includes(pid));
  process.kill(ours ?? Number.NaN, 'SIGKILL');
  await outcome;
  expect(await reader.read(blank)).toEqual({ text: '', confidence: 0 });
});

test('gives up when asked to, and reads the next', async () => {
  const slow = shared.read(await specks(), AbortSignal.timeout(200));
  const gone = AbortSignal.abort(new Error('not wanted any more'));
  const unwanted = shared.read(poster.bytes, gone);
  const next = shared.read(blank);
  await expect(slow).rejects.toMatchObject({ name: 'TimeoutError' });
  await expect(unwanted).rejects.toThrow('not wanted any more');
  expect(await next).toEqual({ text: '', confidence: 0 });
});

test('leaves no process behind when closed, and reads no more', async () => {
  const others = children();
  const reader = open({});
  await reader.read(blank);
  const waiting = reader.read(blank);
  const outcome = expect(waiting).rejects.toThrow('closed');
  await reader.close();
  await outcome;
  expect(children()).toEqual(others);
  await expect(reader.read(blank)).rejects.toThrow('closed');
});

test('its process dies with a parent that was killed in the middle of a picture', async () => {
  const files = [join(folder, 'blank.png'), join(folder, 'specks.png')] as const;
  writeFileSync(files[0], blank);
  writeFileSync(files[1], await specks());
  const script = join(import.meta.dirname, 'child/reading-parent.ts');
  const parent = spawn(process.execPath, [script, ...files], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await once(parent.stdout, 'data');
  const pid = Number(String(said).trim());
  expect(runs(pid)).toBe(true);
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(runs(pid)).toBe(false), { timeout: 3_000 });
});

test('fetches nothing', async () => {
  const log = join(folder, 'network.log');
  const hook = `
    import { appendFileSync } from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    import net from 'node:net';
    import dns from 'node:dns';
    const note = (what) => appendFileSync(${JSON.stringify(log)}, what + '\\n');
    const refuse = (what) => () => { note(what); throw new Error('no network'); };
    net.Socket.prototype.connect = refuse('connect');
    for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6']) {
      dns[name] = refuse(name);
      dns.promises[name] = refuse(name);
    }
    globalThis.fetch = refuse('fetch');
    note(isMainThread ? 'main thread guarded' : 'other thread guarded');`;
  const file = join(folder, 'no-network.mjs');
  writeFileSync(file, hook);
  const limits = { timeoutMs: 20_000, maxRssMib: 768 };
  const reading = await startReadingProcess(limits, undefined, ['--import', file]);
  const { text } = await reading.ask({ bytes: poster.bytes, maxPixels: 50_000_000, leastConfidence: 0.6 });
  reading.end();
  await reading.gone;
  expect(text.split('\n')).toEqual(poster.lines);
  expect(new Set(readFileSync(log, 'utf8').trim().split('\n'))).toEqual(
    new Set(['main thread guarded', 'other thread guarded']),
  );
});
