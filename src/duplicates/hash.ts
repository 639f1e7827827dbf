/** The offset of FNV-1a, 32 bits. */
export const hashStart = 0x811c9dc5 | 0;

/** One step of FNV-1a by a unit. */
export function hashUnit(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

/** Spreads each bit over all 32: the last steps of MurmurHash3. */
export function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
