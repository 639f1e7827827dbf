import { randomBytes } from 'node:crypto';
import { createMatchIndex, type MatchIndex, mostDistance } from '../../src/images/match-index.ts';
import { median } from '../median.ts';
import { markdownTable } from '../peers/markdown-table.ts';

const searches = 200;
const sizes = [10_000, 100_000, 1_000_000];
/** How many near duplicates a crowd has. */
const crowd = 1_000;

function randomHash(): string {
  return randomBytes(32).toString('hex');
}

/** The same hash with some bits turned over. */
function near(hash: string, bits: number): string {
  const bytes = Buffer.from(hash, 'hex');
  for (let turned = 0; turned < bits; turned += 1) {
    const at = Math.floor(Math.random() * 256);
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
  }
  return bytes.toString('hex');
}

function memoryBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function timeSearches(index: MatchIndex, hashOf: () => string, most?: number, times = searches): string[] {
  const taken: number[] = [];
  let found = 0;
  for (let search = 0; search < times; search += 1) {
    const hash = hashOf();
    const start = performance.now();
    found = index.find(hash, mostDistance, most).length;
    taken.push(performance.now() - start);
  }
  const sorted = taken.toSorted((a, b) => a - b);
  const late = sorted[Math.floor(times * 0.95)] ?? 0;
  return [`${found}`, median(taken).toFixed(2), late.toFixed(2), Math.max(...taken).toFixed(2)];
}

/** Prints how long the index searches, slowest first, and what it takes of memory (exact only with --expose-gc). */
export function measureSearch(): void {
  const rows: string[][] = [];
  // All are kept to the end: an index that goes away in between would make the next one look small.
  const indexes: MatchIndex[] = [];
  for (const size of sizes) {
    const before = memoryBytes();
    const index = createMatchIndex();
    indexes.push(index);
    const loved = randomHash();
    const start = performance.now();
    for (let id = 0; id < size; id += 1) index.add(id < crowd ? near(loved, 20) : randomHash(), id);
    const built = ((performance.now() - start) * 1000) / size;
    const about = [built.toFixed(1), ((memoryBytes() - before) / size).toFixed(0)];
    rows.unshift(
      [`${size}`, `${crowd} near duplicates`, ...timeSearches(index, () => near(loved, 5)), ...about],
      [`${size}`, 'no near duplicate', ...timeSearches(index, randomHash), ...about],
    );
  }
  const same = createMatchIndex();
  const hash = randomHash();
  const before = memoryBytes();
  const start = performance.now();
  for (let id = 0; id < 1_000_000; id += 1) same.add(hash, id);
  const about = [
    (((performance.now() - start) * 1000) / 1e6).toFixed(1),
    ((memoryBytes() - before) / 1e6).toFixed(0),
  ];
  rows.unshift(
    ['1000000', 'all equal, every one wanted', ...timeSearches(same, () => hash, undefined, 10), ...about],
    ['1000000', 'all equal, the nearest 100 wanted', ...timeSearches(same, () => hash, 100), ...about],
  );
  const kept = indexes.reduce((sum, index) => sum + index.size(), same.size());
  console.log(`\n## Searches up to ${mostDistance}, ${searches} each, in ms (${kept} hashes kept in all)\n`);
  console.log(
    markdownTable(
      ['hashes', 'kind', 'found', 'median', '95 %', 'worst', 'µs to add one', 'bytes a hash'],
      rows,
    ),
  );
}
