/**
 * Finds texts of the corpus that were cast in the same mould: what was learned from must not come back, in hardly other
 * words, where the model is judged. Texts are compared as the classifier reads them, so spelling tricks and other
 * amounts hide nothing. Exits 1 when a pair stands across splits.
 * Usage: node scripts/check-splits.ts [--corpus FOLDER] [--at SIMILARITY]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Corpus, type CorpusRow, readCorpus, type Split, splits } from '../src/classifier/corpus.ts';
import { createRandom } from '../src/classifier/random.ts';
import { createWordReader } from '../src/classifier/read-words.ts';
import { AppError } from '../src/domain/app-error.ts';

const defaultCorpus = join(import.meta.dirname, '../data/corpus');
const defaultBound = 0.6;

const wordsPerShingle = 3;
const charactersPerShingle = 5;

const minHashes = 126;
const minHashSeed = 1;
/** How often, at most, a pair exactly at the bound may be overlooked. */
const missRate = 1e-4;
/** Keeps bounds near 1 from making bands so long that there are hardly any. */
const mostRowsPerBand = 6;

const shownPairs = 10;
const shownCharacters = 90;

/** A row with the split it stands in, what the classifier reads in it, and the sorted numbers of its shingles. */
type Text = { row: CorpusRow; split: Split; folded: string; shingles: Uint32Array };
type Pair = { left: Text; right: Text; similarity: number };

/** Something that a plain line tells all about. */
class PlainError extends Error {}

function readBound(value: string): number {
  const bound = Number(value);
  if (value.trim() === '' || !(bound > 0 && bound <= 1))
    throw new PlainError(`--at ${value} is no similarity; give a number above 0 and at most 1`);
  return bound;
}

/** Every run of `size` neighbours, or all of them where there are fewer. */
function runsOf(parts: readonly string[], size: number, glue: string): string[] {
  const count = Math.max(1, parts.length - size + 1);
  return Array.from({ length: count }, (_, at) => parts.slice(at, at + size).join(glue));
}

/** Numbers shingles as they come, so that equal numbers mean equal shingles. */
function createShingler(): (words: readonly string[]) => Uint32Array {
  const numbers = new Map<string, number>();
  const numberOf = (shingle: string) => {
    const number = numbers.get(shingle) ?? numbers.size;
    numbers.set(shingle, number);
    return number;
  };
  return (words) => {
    const byWords = runsOf(words, wordsPerShingle, ' ').map((run) => `words ${run}`);
    const characters = runsOf(Array.from(words.join(' ')), charactersPerShingle, '');
    return Uint32Array.from(
      new Set([...byWords, ...characters.map((run) => `chars ${run}`)].map(numberOf)),
    ).sort();
  };
}

function readTexts(corpus: Corpus): Text[] {
  const read = createWordReader();
  const shinglesOf = createShingler();
  return splits.flatMap((split) =>
    corpus[split].map((row) => {
      const words = read(row.text).map(({ text }) => text);
      return { row, split, folded: words.join(' '), shingles: shinglesOf(words) };
    }),
  );
}

/** The finalizer of MurmurHash3 (A. Appleby, public domain). */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function createSigner(): (shingles: Uint32Array) => Uint32Array {
  const random = createRandom(minHashSeed);
  const seeds = Uint32Array.from({ length: minHashes }, () => random() * 2 ** 32);
  return (shingles) =>
    seeds.map((seed) => {
      let least = 0xffffffff;
      for (const shingle of shingles) least = Math.min(least, mix(mix(shingle) ^ seed));
      return least;
    });
}

/** The longest bands, and so the fewest candidates, that still find pairs at the bound. */
function rowsPerBand(bound: number): number {
  for (let rows = mostRowsPerBand; rows > 1; rows -= 1) {
    if ((1 - bound ** rows) ** Math.floor(minHashes / rows) <= missRate) return rows;
  }
  return 1;
}

/** The places of texts that agree in a band; each list holds at least two. */
function bucketsOf(signatures: readonly Uint32Array[], from: number, rows: number): number[][] {
  const buckets = Map.groupBy(signatures.keys(), (place) =>
    (signatures[place] ?? new Uint32Array())
      .subarray(from, from + rows)
      .reduce((key, value) => mix(key ^ value), 0),
  );
  return [...buckets.values()].filter(({ length }) => length > 1);
}

function jaccard(left: Uint32Array, right: Uint32Array): number {
  let shared = 0;
  for (let l = 0, r = 0; l < left.length && r < right.length; ) {
    const difference = (left[l] ?? 0) - (right[r] ?? 0);
    if (difference === 0) shared += 1;
    if (difference <= 0) l += 1;
    if (difference >= 0) r += 1;
  }
  return shared / (left.length + right.length - shared);
}

/** Pairs at or above the bound, the most similar first. */
function findPairs(texts: readonly Text[], bound: number): Pair[] {
  const signatures = texts.map(({ shingles }) => shingles).map(createSigner());
  const rows = rowsPerBand(bound);
  const compared = new Set<number>();
  const pairs: Pair[] = [];

  function compare(l: number, r: number): void {
    const key = l * texts.length + r;
    const left = texts[l];
    const right = texts[r];
    if (left === undefined || right === undefined || compared.has(key)) return;
    compared.add(key);
    const similarity = jaccard(left.shingles, right.shingles);
    if (similarity >= bound) pairs.push({ left, right, similarity });
  }

  for (let from = 0; from + rows <= minHashes; from += rows) {
    for (const bucket of bucketsOf(signatures, from, rows)) {
      for (const [at, left] of bucket.entries()) {
        for (const right of bucket.slice(at + 1)) compare(left, right);
      }
    }
  }
  return pairs.sort((a, b) => b.similarity - a.similarity);
}

function beginning(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= shownCharacters ? line : `${line.slice(0, shownCharacters).toWellFormed()}…`;
}

function describePair({ left, right, similarity }: Pair): string {
  const [one, other] = [left, right].map(({ split, row }) => `${split} ${row.id} (${row.label})`);
  return `${similarity.toFixed(2)}  ${one} | ${other} | ${beginning(left.row.text)} | ${beginning(right.row.text)}`;
}

const isAcross = ({ left, right }: Pair) => left.split !== right.split;
const isTwin = ({ left, right }: Pair) => left.row.label !== right.row.label;
const slicesOf = ({ left, right }: Pair) =>
  [...new Set([left.row.slice, right.row.slice])].sort().join(' and ');

function reportDuplicates(texts: readonly Text[]): string[] {
  const groups = [...Map.groupBy(texts, ({ folded }) => folded).values()].filter(({ length }) => length > 1);
  return [
    `${groups.length} groups of texts that read exactly the same`,
    ...groups.map((group) => group.map(({ split, row }) => `${split} ${row.id} (${row.label})`).join(' | ')),
  ];
}

function reportWithin(split: Split, pairs: readonly Pair[]): string[] {
  const counts = [...Map.groupBy(pairs, slicesOf)].sort(([, a], [, b]) => b.length - a.length);
  return [
    `${pairs.length} pairs within ${split}, ${pairs.filter(isTwin).length} of them near twins with different labels`,
    ...counts.map(([slices, own]) => `${String(own.length).padStart(6)}  ${slices}`),
    ...pairs.slice(0, shownPairs).map(describePair),
  ];
}

function say(lines: readonly string[]): void {
  console.log(`${lines.join('\n')}\n`);
}

/** Prints what was found; true when no pair stands across splits. */
function report(texts: readonly Text[], pairs: readonly Pair[], bound: number): boolean {
  const across = pairs.filter(isAcross);
  say([
    `${across.length} pairs across splits with a similarity of at least ${bound}`,
    ...across.map(describePair),
  ]);
  for (const split of splits) {
    const within = pairs.filter((pair) => !isAcross(pair) && pair.left.split === split);
    say(reportWithin(split, within));
  }
  say(reportDuplicates(texts));
  return across.length === 0;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      corpus: { type: 'string', default: defaultCorpus },
      at: { type: 'string', default: String(defaultBound) },
    },
  });
  const bound = readBound(values.at);
  const began = performance.now();
  const texts = readTexts(await readCorpus(values.corpus));
  const clean = report(texts, findPairs(texts, bound), bound);
  console.log(`${texts.length} texts in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return clean;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  if (!(error instanceof PlainError || error instanceof AppError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
