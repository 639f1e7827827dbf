/**
 * Hashes of pictures: how many a second, which copies of a picture are found at which distance and how often a different
 * picture is, beside the 64-bit pHash that one would otherwise take, and how long the index searches. Pictures are drawn
 * from seeds, since none may be downloaded; rows with the worst figures come first.
 * Usage: node scripts/measure-hash.ts [pictures]
 */
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { hashPicture, leastQuality } from '../src/images/hash-picture.ts';
import {
  createMatchIndex,
  hammingDistance,
  type MatchIndex,
  mostDistance,
} from '../src/images/match-index.ts';
import { median } from './median.ts';
import { markdownTable } from './peers/markdown-table.ts';
import { type Drawing, drawFlat, drawPicture } from './pictures/draw-picture.ts';
import { encodeOriginal, mutations } from './pictures/mutate-picture.ts';
import { measureSearch } from './pictures/search-time.ts';
import { hashSmall, type SmallHash, smallDistance } from './pictures/small-hash.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const pictures = Number(positionals[0] ?? 320);
const maxPixels = 50_000_000;
/** Distances that the tables show: of 256 bits, and of 64. */
const distances = [16, 24, 31, 40, 48, 64, 80];
const smallDistances = [4, 6, 8, 10, 12, 16];
// One core, as the figures are for one.
sharp.concurrency(1);

type Hashed = Awaited<ReturnType<typeof hashPicture>>;
type Known = Hashed & { id: number; kind: string; small: SmallHash };

async function know(id: number, drawing: Drawing): Promise<Known> {
  const bytes = await encodeOriginal(drawing);
  return { id, kind: drawing.kind, small: await hashSmall(bytes), ...(await hashPicture(bytes, maxPixels)) };
}

/** What the product keeps of a picture: two hashes where it has a frame, one otherwise. */
function keep(index: MatchIndex, { id, hash, quality, unframed }: Known): void {
  if (quality >= leastQuality) index.add(hash, id);
  if (unframed !== null) index.add(unframed.hash, -1 - id);
}

/** The distance of each known picture to one, at the nearest of the ways that the product searches in. */
function nearestOf(index: MatchIndex, { hash, turned, quality, unframed }: Hashed): Map<number, number> {
  const nearest = new Map<number, number>();
  const whole = quality >= leastQuality ? [hash, ...turned] : [];
  for (const wanted of [...whole, ...(unframed === null ? [] : [unframed.hash, ...unframed.turned])])
    for (const { id, distance } of index.find(wanted, 256)) {
      const picture = Number(id) < 0 ? -1 - Number(id) : Number(id);
      nearest.set(picture, Math.min(distance, nearest.get(picture) ?? 256));
    }
  return nearest;
}

function percent(values: readonly number[], most: number): string {
  const part = values.filter((value) => value <= most).length / Math.max(1, values.length);
  return `${(100 * part).toFixed(part > 0 && part < 0.001 ? 4 : 1)}`;
}

function counted(values: readonly number[], most: number): string {
  return `${values.filter((value) => value <= most).length}`;
}

async function measureSpeed(): Promise<void> {
  const files: Buffer[] = [];
  for (let seed = 0; seed < 24; seed += 1) {
    const { rgb, width, height } = await drawPicture(seed);
    const raw = sharp(rgb, { raw: { width, height, channels: 3 } });
    files.push(await raw.resize(1080, 1080, { fit: 'cover' }).jpeg({ quality: 85 }).toBuffer());
  }
  const kibibytes = median(files.map((file) => file.length)) / 1024;
  const rounds: Record<string, number[]> = { 'PDQ, with the seven turned hashes': [], 'pHash, 64 bits': [] };
  for (let round = 0; round < 5; round += 1)
    for (const [name, list] of Object.entries(rounds)) {
      const start = performance.now();
      for (const file of files)
        await (name.startsWith('PDQ') ? hashPicture(file, maxPixels) : hashSmall(file));
      list.push((1000 * files.length) / (performance.now() - start));
    }
  const rows = Object.entries(rounds).map(([name, list]) => [
    name,
    median(list).toFixed(0),
    Math.min(...list).toFixed(0),
  ]);
  console.log(
    `\n## Pictures a second, one after the other (JPEG, 1080 × 1080, ${kibibytes.toFixed(0)} KiB)\n`,
  );
  console.log(markdownTable(['hash', 'median of 5 rounds', 'worst'], rows));
}

/** How far the copies of one kind are from their originals: at the nearest of the ways that are searched, as they are, by pHash. */
type Copies = { name: string; values: number[]; plain: number[]; small: number[]; poor: number };

async function measureCopies(known: readonly Known[], index: MatchIndex): Promise<void> {
  const strangers: number[] = [];
  const smallStrangers: number[] = [];
  const all = mutations.map(({ name }): Copies => ({ name, values: [], plain: [], small: [], poor: 0 }));
  for (const original of known) {
    const drawing = await drawPicture(original.id);
    for (const [at, copies] of all.entries()) {
      const bytes = await mutations[at]?.apply(drawing);
      if (bytes === undefined) continue;
      const copy = await hashPicture(bytes, maxPixels);
      const smallCopy = await hashSmall(bytes);
      if (copy.quality < leastQuality) copies.poor += 1;
      const near = nearestOf(index, copy);
      for (const other of known) {
        if (other.id === original.id) continue;
        strangers.push(near.get(other.id) ?? 256);
        smallStrangers.push(smallDistance(smallCopy, other.small));
      }
      copies.values.push(near.get(original.id) ?? 256);
      copies.plain.push(hammingDistance(copy.hash, original.hash));
      copies.small.push(smallDistance(smallCopy, original.small));
    }
  }
  reportCopies(all, known.length);
  reportStrangers('copies against the originals of other pictures', strangers, smallStrangers);
}

function reportCopies(all: readonly Copies[], pictures: number): void {
  const found = (values: readonly number[]) => values.filter((value) => value <= mostDistance).length;
  const worstFirst = all.toSorted(
    (a, b) => found(a.values) - found(b.values) || median(b.values) - median(a.values),
  );
  console.log(`\n## Copies found, % of ${pictures}, by the distance up to which one counts as found\n`);
  console.log(
    markdownTable(
      [
        'copy',
        ...distances.map((most) => `PDQ ${most}`),
        'median / 95 %',
        `whole and one way round, ${mostDistance}`,
        `quality under ${leastQuality}`,
        ...smallDistances.map((most) => `pHash ${most}`),
      ],
      worstFirst.map(({ name, values, plain, small, poor }) => [
        name,
        ...distances.map((most) => percent(values, most)),
        `${median(values)} / ${values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)]}`,
        percent(plain, mostDistance),
        `${poor}`,
        ...smallDistances.map((most) => percent(small, most)),
      ]),
    ),
  );
}

function reportStrangers(name: string, values: readonly number[], small: readonly number[]): void {
  const low = values.reduce((least, value) => Math.min(least, value), 256);
  const smallLow = small.reduce((least, value) => Math.min(least, value), 64);
  console.log(`\n### Different pictures taken for the same: ${name} (${values.length} pairs)\n`);
  console.log(
    markdownTable(
      ['hash', 'nearest pair', ...distances.map((most, at) => `at ${most} / ${smallDistances[at] ?? '–'}`)],
      [
        ['PDQ, all ways', `${low}`, ...distances.map((most) => counted(values, most))],
        ['pHash', `${smallLow}`, ...distances.map((_, at) => counted(small, smallDistances[at] ?? -1))],
      ],
    ),
  );
}

function measureStrangers(known: readonly Known[], index: MatchIndex): void {
  const groups = new Map<string, { values: number[]; small: number[] }>();
  for (const one of known) {
    const near = nearestOf(index, one);
    for (const other of known) {
      if (other.id <= one.id) continue;
      for (const name of one.kind === other.kind
        ? ['all originals', `both ${one.kind}`]
        : ['all originals']) {
        const group = groups.get(name) ?? { values: [], small: [] };
        group.values.push(near.get(other.id) ?? 256);
        group.small.push(smallDistance(one.small, other.small));
        groups.set(name, group);
      }
    }
  }
  for (const [name, { values, small }] of groups) reportStrangers(name, values, small);
}

async function measureFlat(): Promise<void> {
  const rows: string[][] = [];
  for (const [name, level, rise] of [
    ['black', 0, 0],
    ['white', 255, 0],
    ['grey', 128, 0],
    ['a gentle rise of 40', 100, 40],
    ['a rise from black to white', 0, 255],
  ] as const) {
    const { hash, quality } = await hashPicture(
      await encodeOriginal(drawFlat(800, 600, level, rise)),
      maxPixels,
    );
    rows.push([name, `${quality}`, quality < leastQuality ? 'never' : 'yes', hash.slice(0, 16)]);
  }
  console.log('\n## Flat pictures\n');
  console.log(markdownTable(['picture', 'quality', 'may match', 'hash begins'], rows));
}

const known: Known[] = [];
const index = createMatchIndex();
for (let id = 0; id < pictures; id += 1) {
  const each = await know(id, await drawPicture(id));
  known.push(each);
  keep(index, each);
}
console.log(`# Hashes of pictures: ${pictures} drawn pictures, matched up to ${mostDistance}`);
await measureSpeed();
await measureFlat();
measureStrangers(known, index);
const able = known.filter(({ quality }) => quality >= leastQuality);
console.log(
  `\n${known.length - able.length} of ${known.length} originals are under quality ${leastQuality} and match nothing.`,
);
await measureCopies(able, index);
measureSearch();
