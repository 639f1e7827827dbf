// AssemblyScript, which scripts/build-kernel.ts compiles to kernel.wasm beside it.

/** How many bits of 128 are set. */
function count(bits: v128): i32 {
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(bits)));
  // Four sums of at most 32, as two numbers of 64 bits.
  const both = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1);
  return <i32>both + <i32>(both >> 32);
}

/**
 * Finds the hashes near another one. Those of a block lie in two halves, all first halves before all second ones: the first
 * half alone rules out nearly every hash, so only half the memory is read.
 *
 * @param wanted where the other hash lies: 32 bytes, as all places here in bytes
 * @param block where the block begins
 * @param halfBytes bytes from a first half to the second half of the same hash
 * @param hashes how many there are in the block
 * @param most the distance up to which a hash is found, in bits
 * @param found where to write what is found: for each hash its number in the block times 512, plus its distance
 * @returns how many were found
 */
export function findNear(
  wanted: usize,
  block: usize,
  halfBytes: usize,
  hashes: i32,
  most: i32,
  found: usize,
): i32 {
  const first = v128.load(wanted);
  const second = v128.load(wanted, 16);
  let at = found;
  for (let hash = 0; hash < hashes; hash += 1) {
    const place = block + ((<usize>hash) << 4);
    let distance = count(v128.xor(first, v128.load(place)));
    if (distance > most) continue;
    distance += count(v128.xor(second, v128.load(place + halfBytes)));
    if (distance > most) continue;
    store<u32>(at, (hash << 9) | distance);
    at += 4;
  }
  return <i32>((at - found) >> 2);
}
