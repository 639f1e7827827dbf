import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRowSums } from '../../src/classifier/kernel/row-sums.ts';
import { createRandom } from '../../src/classifier/random.ts';

test('the kernel in the repository is what its source compiles to', () => {
  const script = join(import.meta.dirname, '../../scripts/build-kernel.ts');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
}, 60_000);

test.each([4, 6, 16, 20, 36])('the kernel sums rows of %i numbers as one would by hand', (dimensions) => {
  const random = createRandom(dimensions);
  const embedding = Float32Array.from({ length: 512 * dimensions }, () => random() - 0.5);
  const sums = createRowSums(embedding, dimensions);
  const rows = Array.from({ length: 9_000 }, () => Math.floor(random() * 512));
  const byHand = (list: readonly number[], d: number) =>
    list.reduce((total, row) => total + (embedding[row * dimensions + d] ?? 0), 0);
  for (const word of [0, 70_000]) {
    sums.clear();
    sums.addRows(rows, 10 + word / 10_000);
    sums.keep(word);
  }
  sums.clear();
  sums.addRows(rows, rows.length);
  sums.addKept([70_000, 0, 0], 2);
  const whole = new Float32Array(dimensions + 1);
  sums.read(whole, 1, 0.5);
  const keptSum = new Float32Array(dimensions);
  sums.readKept(70_000, keptSum);
  for (let d = 0; d < dimensions; d += 1) {
    const expected = [...rows, ...rows.slice(0, 17), ...rows.slice(0, 10)];
    expect(Math.abs((whole[d + 1] ?? 0) - 0.5 * byHand(expected, d))).toBeLessThan(1e-3);
    expect(keptSum[d]).toBeCloseTo(byHand(rows.slice(0, 17), d), 5);
  }
  expect(whole[0]).toBe(0);
});
