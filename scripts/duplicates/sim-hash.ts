import { hashStart, hashUnit, mix } from '../../src/duplicates/hash.ts';

/** Two halves of 64 bits. */
export type SimHash = { low: number; high: number };

/** SimHash (Charikar 2002; Manku, Jain and Das Sarma 2007) of the lower-cased words, as one would take it from a library. */
export function simHash(text: string): SimHash {
  const sums = new Int32Array(64);
  for (const word of text.toLowerCase().split(/\s+/)) {
    let hash = hashStart;
    for (let at = 0; at < word.length; at += 1) hash = hashUnit(hash, word.charCodeAt(at));
    const low = mix(hash);
    const high = mix(hash ^ 0x5bd1e995);
    for (let bit = 0; bit < 32; bit += 1) {
      sums[bit] = (sums[bit] ?? 0) + ((low >>> bit) & 1 ? 1 : -1);
      sums[32 + bit] = (sums[32 + bit] ?? 0) + ((high >>> bit) & 1 ? 1 : -1);
    }
  }
  let low = 0;
  let high = 0;
  for (let bit = 0; bit < 32; bit += 1) {
    if ((sums[bit] ?? 0) > 0) low |= 1 << bit;
    if ((sums[32 + bit] ?? 0) > 0) high |= 1 << bit;
  }
  return { low, high };
}

/** In how many bits two differ. */
export function simDistance(one: SimHash, other: SimHash): number {
  return bits(one.low ^ other.low) + bits(one.high ^ other.high);
}

function bits(value: number): number {
  let left = value - ((value >>> 1) & 0x55555555);
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333);
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
