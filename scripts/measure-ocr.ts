/**
 * How well and how fast text is read from pictures: drawn ones of eleven kinds, ours beside Debian's `tesseract` in the
 * same run, picture by picture; then the memory of our process over 200 pictures.
 * Usage: node scripts/measure-ocr.ts [pictures of each kind]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createTextReader } from '../src/images/read-text.ts';
import { median } from './median.ts';
import { type ReadingErrors, readingErrors } from './reading-errors.ts';
import { drawTextPicture, type PictureKind, pictureKinds, type TextPicture } from './text-pictures.ts';

const ofEachKind = Number(process.argv[2] ?? 10);
const picturesForMemory = 200;
/** The settings of textViews were chosen on pictures of seeds below. */
const firstSeed = 1_000;
const advice = 'the peer is missing: apt-get install tesseract-ocr tesseract-ocr-ind';

type Reading = ReadingErrors & { kind: PictureKind; ms: number };
type Contestant = { name: string; read: (picture: Buffer) => Promise<string>; readings: Reading[] };

const reader = createTextReader();
const contestants: Contestant[] = [
  { name: 'saring', read: async (picture) => (await reader.read(picture)).text, readings: [] },
];
if (hasPeer()) {
  contestants.push(
    { name: 'tesseract', read: async (picture) => runPeer(picture, []), readings: [] },
    { name: 'tesseract --psm 11', read: async (picture) => runPeer(picture, ['--psm', '11']), readings: [] },
  );
} else {
  console.log(advice);
}

function hasPeer(): boolean {
  const { stdout } = spawnSync('tesseract', ['--list-langs'], { encoding: 'utf8' });
  return /^ind$/m.test(stdout ?? '') && /^eng$/m.test(stdout ?? '');
}

function runPeer(picture: Buffer, options: string[]): string {
  // With more threads it is slower on two cores, which others use too.
  const env = { ...process.env, OMP_THREAD_LIMIT: '1' };
  return execFileSync('tesseract', ['stdin', 'stdout', '-l', 'ind+eng', ...options], {
    env,
    input: picture,
    stdio: ['pipe', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
}

async function draw(): Promise<TextPicture[]> {
  const pictures: TextPicture[] = [];
  for (let seed = firstSeed; seed < firstSeed + ofEachKind; seed += 1) {
    for (const kind of pictureKinds) pictures.push(await drawTextPicture(kind, seed));
  }
  return pictures;
}

async function race(pictures: TextPicture[]): Promise<void> {
  for (const { kind, bytes, lines } of pictures) {
    for (const contestant of contestants) {
      const began = performance.now();
      const text = await contestant.read(bytes);
      const ms = performance.now() - began;
      contestant.readings.push({ kind, ms, ...readingErrors(text, lines.join('\n')) });
    }
  }
}

function summary(readings: Reading[]): string {
  const sum = (of: (reading: Reading) => number) =>
    readings.reduce((total, reading) => total + of(reading), 0);
  const words = sum((reading) => reading.words);
  const characters = sum((reading) => reading.characters);
  const recall = words === 0 ? '    –' : (sum((reading) => reading.found) / words).toFixed(3);
  const errors =
    characters === 0 ? '    –' : (sum((reading) => reading.wrongCharacters) / characters).toFixed(3);
  const invented = (sum((reading) => reading.invented) / readings.length).toFixed(1).padStart(4);
  const middle = median(readings.map((reading) => reading.ms));
  const longest = Math.max(...readings.map((reading) => reading.ms));
  return `word recall ${recall}  character errors ${errors}  invented words ${invented} a picture  ${middle.toFixed(0).padStart(5)} ms median, ${longest.toFixed(0).padStart(5)} at most`;
}

function report(): void {
  for (const { name, readings } of contestants) {
    const seconds = readings.reduce((total, reading) => total + reading.ms, 0) / 1000;
    console.log(`\n${name}: ${readings.length} pictures, ${(readings.length / seconds).toFixed(2)}/s`);
    console.log(`  ${'all'.padEnd(13)} ${summary(readings)}`);
    const kinds = pictureKinds.map((kind) => readings.filter((reading) => reading.kind === kind));
    for (const ofKind of kinds.toSorted((a, b) => share(a) - share(b))) {
      console.log(`  ${ofKind[0]?.kind.padEnd(13)} ${summary(ofKind)}`);
    }
  }
}

/** The share of words found, by which the worst kinds come first; without words, the last. */
function share(readings: Reading[]): number {
  const words = readings.reduce((total, reading) => total + reading.words, 0);
  return words === 0 ? 2 : readings.reduce((total, reading) => total + reading.found, 0) / words;
}

/** Resident memory of our reading process, the only child of this one, in MiB. */
function readerMib(): number {
  const pid = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ')[0];
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

async function measureMemory(pictures: TextPicture[]): Promise<void> {
  if (process.platform !== 'linux') return;
  const seen: number[] = [];
  for (let n = 0; n < picturesForMemory; n += 1) {
    await reader.read(pictures[n % pictures.length]?.bytes ?? Buffer.alloc(0));
    seen.push(readerMib());
  }
  const quarters = [0, 1, 2, 3].map((quarter) => median(seen.slice(quarter * 50, quarter * 50 + 50)));
  console.log(
    `\nmemory of saring's reading process, MiB: median of each fourth of ${picturesForMemory} pictures ${quarters.map((mib) => mib.toFixed(0)).join(', ')}; at most ${Math.max(...seen).toFixed(0)}`,
  );
}

const pictures = await draw();
await reader.read(pictures[0]?.bytes ?? Buffer.alloc(0)); // starting is not reading
await race(pictures);
report();
await measureMemory(pictures);
await reader.close();
