import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Sums of rows, made by the kernel in its own memory: of embedding rows, and of sums that are kept with a word. */
export type RowSums = {
  /** Makes the current sum zero. */
  clear(): void;
  /** Adds the first `count` of these embedding rows to it. */
  addRows(rows: ArrayLike<number>, count: number): void;
  /** Adds the sums that are kept with the first `count` of these words. */
  addKept(words: ArrayLike<number>, count: number): void;
  /** Keeps the current sum with a word. */
  keep(word: number): void;
  /** Writes the current sum, times `scale`, to `target` from `at` on. */
  read(target: Float32Array, at: number, scale: number): void;
  /** Writes the sum that is kept with a word to the beginning of `target`. */
  readKept(word: number, target: Float32Array): void;
  /** Adds an embedding row, times `share`, to `target`. */
  addShare(row: number, share: number, target: Float32Array): void;
};

type Kernel = {
  memory: WebAssembly.Memory;
  addRows(table: number, numbers: number, count: number, stride: number, target: number): void;
};

const compiled = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'kernel.wasm')));
const pageBytes = 65_536;
const bytesPerNumber = 4;
const lanesPerVector = 4;
const growthBytes = 1024 * 1024;
/** Row numbers handed over at a time. */
const numbersAtOnce = 4_096;

/**
 * Puts an embedding of `[buckets, dimensions]` into the kernel's memory, which holds, one after the other: row numbers,
 * the current sum, the embedding, and the kept sums. Rows are padded with zeros to whole vectors.
 */
export function createRowSums(embedding: Float32Array, dimensions: number): RowSums {
  // What assembly.ts exports.
  const { memory, addRows } = new WebAssembly.Instance(compiled).exports as unknown as Kernel;
  const lanes = Math.ceil(dimensions / lanesPerVector) * lanesPerVector;
  const buckets = embedding.length / dimensions;
  const sum = numbersAtOnce;
  const rows = sum + lanes;
  const kept = rows + buckets * lanes;
  let floats = new Float32Array();
  let numbers = new Uint32Array();

  function makeRoom(places: number): void {
    const missing = places * bytesPerNumber - memory.buffer.byteLength;
    if (missing <= 0) return;
    // In large steps, since the views are lost whenever the memory grows.
    memory.grow(Math.ceil((missing + growthBytes) / pageBytes));
    floats = new Float32Array(memory.buffer);
    numbers = new Uint32Array(memory.buffer);
  }

  function add(table: number, list: ArrayLike<number>, count: number): void {
    for (let from = 0; from < count; from += numbersAtOnce) {
      const part = Math.min(numbersAtOnce, count - from);
      for (let index = 0; index < part; index += 1) numbers[index] = list[from + index] ?? 0;
      addRows(table * bytesPerNumber, 0, part, lanes * bytesPerNumber, sum * bytesPerNumber);
    }
  }

  makeRoom(kept);
  for (let row = 0; row < buckets; row += 1)
    floats.set(embedding.subarray(row * dimensions, (row + 1) * dimensions), rows + row * lanes);

  return {
    clear: () => void floats.fill(0, sum, sum + lanes),
    addRows: (list, count) => add(rows, list, count),
    addKept: (words, count) => add(kept, words, count),
    keep(word) {
      makeRoom(kept + (word + 1) * lanes);
      floats.copyWithin(kept + word * lanes, sum, sum + lanes);
    },
    read(target, at, scale) {
      for (let d = 0; d < dimensions; d += 1) target[at + d] = (floats[sum + d] ?? 0) * scale;
    },
    readKept(word, target) {
      const from = kept + word * lanes;
      for (let d = 0; d < dimensions; d += 1) target[d] = floats[from + d] ?? 0;
    },
    addShare(row, share, target) {
      const from = rows + row * lanes;
      for (let d = 0; d < dimensions; d += 1) target[d] = (target[d] ?? 0) + share * (floats[from + d] ?? 0);
    },
  };
}
