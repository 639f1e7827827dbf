// AssemblyScript, which scripts/build-kernel.ts compiles to kernel.wasm beside it.

/**
 * Adds rows of a table of 32-bit numbers to a row. Four lanes at a time, so that the loop is short enough for the
 * processor to fetch many rows at once: they lie anywhere in a table larger than its caches.
 *
 * @param table where the table begins, in bytes, as all places here
 * @param numbers which rows, as 32-bit whole numbers
 * @param count how many
 * @param stride bytes of a row, a multiple of 16
 * @param target the row that they are added to
 */
export function addRows(table: usize, numbers: usize, count: usize, stride: usize, target: usize): void {
  const end = numbers + (count << 2);
  let at: usize = 0;
  for (; at + 64 <= stride; at += 64) {
    let first = v128.load(target + at);
    let second = v128.load(target + at, 16);
    let third = v128.load(target + at, 32);
    let fourth = v128.load(target + at, 48);
    for (let number = numbers; number < end; number += 4) {
      const row = table + at + <usize>load<u32>(number) * stride;
      first = f32x4.add(first, v128.load(row));
      second = f32x4.add(second, v128.load(row, 16));
      third = f32x4.add(third, v128.load(row, 32));
      fourth = f32x4.add(fourth, v128.load(row, 48));
    }
    v128.store(target + at, first);
    v128.store(target + at, second, 16);
    v128.store(target + at, third, 32);
    v128.store(target + at, fourth, 48);
  }
  for (; at < stride; at += 16) {
    let sum = v128.load(target + at);
    for (let number = numbers; number < end; number += 4)
      sum = f32x4.add(sum, v128.load(table + at + <usize>load<u32>(number) * stride));
    v128.store(target + at, sum);
  }
}
