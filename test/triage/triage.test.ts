import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elements } from '../../src/domain/element.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { assess } from '../../src/triage/triage.ts';

const policy: Policy = {
  version: 'p1',
  flagAt: 0.8,
  watchAt: 0.4,
  elementFloors: { clothing: 0.25, used: 0.25, imported: 0.25, offered: 0.25, bulk: 0 },
  promise: { precisionLowerBound: 0.9, recall: 0.8, n: 100, flagged: 50, method: 'made up for this test' },
};
const sure = { clothing: 1, used: 1, imported: 1, offered: 1, bulk: 0 };

function verdict(probability: number, change: Partial<typeof sure> = {}) {
  return assess({ probability, elements: { ...sure, ...change }, spans: [], modelVersion: 'm' }, policy)
    .verdict;
}

test('flags from the threshold on, watches from the band on, clears below', () => {
  expect([0.8, 0.7999, 0.4, 0.3999].map((probability) => verdict(probability))).toEqual([
    'flag',
    'watch',
    'watch',
    'clear',
  ]);
});

test('never flags when a required element is missing, however sure the whole is', () => {
  for (const element of elements.slice(0, 4)) expect(verdict(1, { [element]: 0.2 })).toBe('watch');
  expect(verdict(1, { bulk: 0 })).toBe('flag');
});

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const anyElements = fc.record({ clothing: unit, used: unit, imported: unit, offered: unit, bulk: unit });

test('a surer score never gets a milder verdict or a lower place in the queue', () => {
  const rank = { clear: 0, watch: 1, flag: 2 };
  fc.assert(
    fc.property(unit, unit, anyElements, (a, b, given) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      const assessed = [low, high].map((probability) =>
        assess({ probability, elements: given, spans: [], modelVersion: 'm' }, policy),
      );
      expect(rank[assessed[1]?.verdict ?? 'clear']).toBeGreaterThanOrEqual(
        rank[assessed[0]?.verdict ?? 'clear'],
      );
      expect(assessed[1]?.priority).toBeGreaterThanOrEqual(assessed[0]?.priority ?? 2);
    }),
  );
});

test('`used` alone never flags', () => {
  fc.assert(
    fc.property(unit, unit, (probability, used) => {
      expect(verdict(probability, { clothing: 1, used, imported: 0.1, offered: 1 })).not.toBe('flag');
    }),
  );
});
