import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hashes of pictures, kept to find those of pictures that look alike. */
export type MatchIndex = {
  /** Keeps a hash for an id, in place of the one that it had. @throws RangeError for anything but 64 hexadecimal digits */
  add(hash: string, id: number | string): void;
  /** Forgets an id; one that is not there is fine. */
  remove(id: number | string): void;
  /**
   * The hashes within a distance, nearest first; of a crowd only the `most` nearest.
   *
   * @throws RangeError for anything but 64 hexadecimal digits
   */
  find(hash: string, mostDistance: number, most?: number): { id: number | string; distance: number }[];
  /** How many ids there are. */
  size(): number;
};

type Kernel = {
  memory: WebAssembly.Memory;
  findNear(
    wanted: number,
    block: number,
    halfBytes: number,
    hashes: number,
    most: number,
    found: number,
  ): number;
};

/**
 * The distance, in bits of 256, up to which two pictures are taken for the same: PDQ's own advice. Of 2.8 million pairs of
 * different drawn pictures (scripts/measure-hash.ts) none was nearer than 40, where pictures begin to match that share a
 * shop's card around different goods; and to take them for the same would be worse than to miss a cropped copy.
 */
export const mostDistance = 31;

const hashBits = 256;
const hashBytes = 32;
const halfBytes = 16;
const pageBytes = 65_536;
const hashesPerBlock = 4_096;
/** All first halves of a block lie before all of its second halves. */
const secondHalves = hashesPerBlock * halfBytes;
const blockBytes = hashesPerBlock * hashBytes;
/** The kernel's memory begins with the hash that is looked for and with what was found in a block. */
const foundAt = hashBytes;
const blocksAt = pageBytes;
/** What was found is a place in the block, above nine bits of distance. */
const distanceBits = 9;
const digitsPerWord = 8;

const compiled = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'kernel/kernel.wasm')));

/**
 * Makes an empty index. It compares with every hash there is, by SIMD, so that no choice of hashes makes it slower. It takes
 * about 75 bytes a hash where ids are numbers: 32 in the kernel's memory, which never shrinks, the rest for the ids.
 */
export function createMatchIndex(): MatchIndex {
  // What kernel/assembly.ts exports.
  const { memory, findNear } = new WebAssembly.Instance(compiled).exports as unknown as Kernel;
  const ids: (number | string)[] = [];
  const places = new Map<number | string, number>();
  if (memory.buffer.byteLength < blocksAt) memory.grow(1);
  let bytes = new Uint8Array(memory.buffer);
  let words = new Uint32Array(memory.buffer);

  function firstHalfOf(place: number): number {
    const block = Math.floor(place / hashesPerBlock);
    return blocksAt + block * blockBytes + (place % hashesPerBlock) * halfBytes;
  }

  function makeRoom(hashes: number): void {
    const needed = blocksAt + Math.ceil(hashes / hashesPerBlock) * blockBytes;
    if (needed <= bytes.length) return;
    memory.grow(Math.ceil((needed - bytes.length) / pageBytes));
    bytes = new Uint8Array(memory.buffer);
    words = new Uint32Array(memory.buffer);
  }

  function copyHash(from: number, to: number): void {
    for (const half of [0, secondHalves]) {
      const start = firstHalfOf(from) + half;
      bytes.copyWithin(firstHalfOf(to) + half, start, start + halfBytes);
    }
  }

  return {
    add(hash, id) {
      const read = readHash(hash);
      const place = places.get(id) ?? ids.length;
      makeRoom(place + 1);
      const at = firstHalfOf(place);
      bytes.set(read.subarray(0, halfBytes), at);
      bytes.set(read.subarray(halfBytes), at + secondHalves);
      ids[place] = id;
      places.set(id, place);
    },
    remove(id) {
      const place = places.get(id);
      const last = ids.length - 1;
      const moved = ids[last];
      if (place === undefined || moved === undefined) return;
      copyHash(last, place);
      ids[place] = moved;
      places.set(moved, place);
      ids.pop();
      places.delete(id);
    },
    find(hash, within, most = Number.POSITIVE_INFINITY) {
      bytes.set(readHash(hash), 0);
      const farthest = Math.min(within, hashBits);
      const byDistance = Array.from({ length: hashBits + 1 }, (): number[] => []);
      for (let first = 0; first < ids.length; first += hashesPerBlock) {
        const hashes = Math.min(hashesPerBlock, ids.length - first);
        const found = findNear(0, firstHalfOf(first), secondHalves, hashes, farthest, foundAt);
        for (let index = 0; index < found; index += 1) {
          const word = words[foundAt / 4 + index] ?? 0;
          const near = byDistance[word & ((1 << distanceBits) - 1)];
          if (near !== undefined && near.length < most) near.push(first + (word >>> distanceBits));
        }
      }
      return nearest(byDistance, ids, most);
    },
    size: () => ids.length,
  };
}

function nearest(
  byDistance: readonly (readonly number[])[],
  ids: readonly (number | string)[],
  most: number,
): { id: number | string; distance: number }[] {
  const list: { id: number | string; distance: number }[] = [];
  for (const [distance, near] of byDistance.entries())
    for (const place of near) {
      if (list.length >= most) return list;
      const id = ids[place];
      if (id !== undefined) list.push({ id, distance });
    }
  return list;
}

/**
 * In how many of their 256 bits two hashes differ.
 *
 * @throws RangeError for anything but 64 hexadecimal digits
 */
export function hammingDistance(a: string, b: string): number {
  requireHash(a);
  requireHash(b);
  let distance = 0;
  for (let digit = 0; digit < a.length; digit += digitsPerWord) {
    const end = digit + digitsPerWord;
    let bits = Number.parseInt(a.slice(digit, end), 16) ^ Number.parseInt(b.slice(digit, end), 16);
    // Kernighan's way: each step clears the lowest bit that is set.
    for (; bits !== 0; bits &= bits - 1) distance += 1;
  }
  return distance;
}

function readHash(hash: string): Uint8Array {
  requireHash(hash);
  return Buffer.from(hash, 'hex');
}

function requireHash(hash: string): void {
  if (!/^[0-9a-f]{64}$/i.test(hash)) throw new RangeError('a hash of a picture is 64 hexadecimal digits');
}
