import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/classifier/random.ts';
import { createMatchIndex, hammingDistance, mostDistance } from '../../src/images/match-index.ts';

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);

function turnBits(of: string, bits: readonly number[]): string {
  const turned = bits.reduce((value, bit) => value ^ (1n << BigInt(bit)), BigInt(`0x${of}`));
  return turned.toString(16).padStart(64, '0');
}

function randomHashes(count: number, seed: number): string[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: 64 }, () => Math.floor(random() * 16).toString(16)).join(''),
  );
}

/** What a search must find, by comparing with each. */
function slowly(kept: ReadonlyMap<number | string, string>, wanted: string, within: number) {
  return [...kept]
    .map(([id, each]) => ({ id, distance: hammingDistance(each, wanted) }))
    .filter(({ distance }) => distance <= within);
}

function inOrder(found: readonly { id: number | string; distance: number }[]) {
  return found.toSorted((a, b) => a.distance - b.distance || String(a.id).localeCompare(String(b.id)));
}

describe('the distance of two hashes', () => {
  test('is that of the published examples', () => {
    // pdq/python/pdqhashing/tests/hash256_test.py in github.com/facebook/ThreatExchange.
    const sample = '9c151c3af838278e3ef57c180c7d031c07aefd12f2ccc1e18f2a1e1c7d0ff163';
    expect(hammingDistance(sample, '0'.repeat(64))).toBe(128);
    expect(hammingDistance('f'.repeat(64), '0'.repeat(64))).toBe(256);
    expect(hammingDistance(sample, sample.toUpperCase())).toBe(0);
  });

  test('is how many bits were turned over', () => {
    fc.assert(
      fc.property(hash, fc.uniqueArray(fc.nat({ max: 255 })), (one, bits) => {
        expect(hammingDistance(one, turnBits(one, bits))).toBe(bits.length);
      }),
    );
  });

  test.each(['', 'ab', 'g'.repeat(64), '0'.repeat(65)])('refuses %s', (wrong) => {
    expect(() => hammingDistance(wrong, '0'.repeat(64))).toThrow(RangeError);
    expect(() => createMatchIndex().add(wrong, 1)).toThrow(RangeError);
    expect(() => createMatchIndex().find(wrong, 31)).toThrow(RangeError);
  });
});

describe('the index', () => {
  test('finds exactly what comparing with each hash finds, whatever was added, replaced and removed', () => {
    const id = fc.oneof(fc.nat({ max: 20 }), fc.constantFrom('a', 'b', 'c', '1'));
    const step = fc.record({
      id,
      hash,
      removed: fc.boolean(),
      bits: fc.array(fc.nat({ max: 255 }), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(hash, fc.array(step, { maxLength: 60 }), fc.nat({ max: 256 }), (wanted, steps, within) => {
        const index = createMatchIndex();
        const kept = new Map<number | string, string>();
        for (const { id, removed, bits, hash: other } of steps) {
          // Half are near what is looked for, the others anywhere.
          const added = bits.length % 2 === 0 ? turnBits(wanted, bits) : other;
          if (removed) {
            index.remove(id);
            kept.delete(id);
          } else {
            index.add(added, id);
            kept.set(id, added);
          }
        }
        expect(index.size()).toBe(kept.size);
        for (const most of [within, mostDistance, 0, 256, -1]) {
          const found = index.find(wanted, most);
          expect(inOrder(found)).toEqual(inOrder(slowly(kept, wanted, most)));
          const distances = found.map(({ distance }) => distance);
          expect(distances).toEqual(distances.toSorted((a, b) => a - b));
        }
      }),
    );
  });

  test('finds near duplicates among more hashes than a block holds, and keeps them right when others go', () => {
    const hashes = randomHashes(10_000, 7);
    const index = createMatchIndex();
    const kept = new Map<number | string, string>();
    hashes.forEach((each, id) => {
      const added = id % 97 === 0 ? turnBits(hashes[0] ?? '', [id % 256, (id * 7) % 256, 3]) : each;
      index.add(added, id);
      kept.set(id, added);
    });
    for (let id = 0; id < 10_000; id += 3) {
      index.remove(id);
      kept.delete(id);
    }
    for (const wanted of [hashes[0] ?? '', hashes[5_000] ?? '', hashes[9_999] ?? ''])
      expect(inOrder(index.find(wanted, 40))).toEqual(inOrder(slowly(kept, wanted, 40)));
  });

  test('gives only the nearest of a crowd where no more are wanted', () => {
    const [wanted = ''] = randomHashes(1, 3);
    const index = createMatchIndex();
    for (let id = 0; id < 9_000; id += 1)
      index.add(id === 8_999 ? turnBits(wanted, [1]) : turnBits(wanted, [1, 2]), id);
    index.add(wanted, 'same');
    expect(index.find(wanted, 31, 3).map(({ distance }) => distance)).toEqual([0, 1, 2]);
    expect(index.find(wanted, 31)).toHaveLength(9_001);
  });
});
