import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readBackground } from '../../src/classifier/background.ts';
import { choosePolicy, leastPrecision, measureThresholds } from '../../src/classifier/choose-policy.ts';
import type { Judged } from '../../src/classifier/quality.ts';
import { mostFalseFlagsPer10k, thresholdFor } from '../../src/classifier/thresholds.ts';
import { Policy } from '../../src/domain/policy.ts';

const elements = { clothing: 1, used: 1, imported: 1, offered: 1, bulk: 0 };

function scored(count: number, probability: number, offer: boolean): Judged[] {
  return Array.from({ length: count }, () => ({ score: { probability, elements }, offer }));
}

/** The precision alone would have the threshold just above 0.3. */
const validation = [
  ...scored(300, 0.9, true),
  ...scored(100, 0.6, true),
  ...scored(400, 0.3, false),
  ...scored(40, 0.2, true),
];

test('real texts raise the threshold where too many of them would be flagged, and the policy tells', () => {
  const real = [...scored(1, 0.95, false), ...scored(3, 0.7, false), ...scored(996, 0.01, false)];
  const thresholds = measureThresholds(validation, real);
  const policy = Policy.parse(choosePolicy(thresholds, 'p'));
  expect(policy.flagAt).toBe(0.71);
  expect(policy.promise).toMatchObject({ flagged: 300, recall: 300 / 440 });
  expect(policy.promise.falseFlags).toMatchObject({ n: 1000, flagged: 1, per10k: (2 / 1001) * 1e4 });
  expect(policy.promise.falseFlags?.method).toContain('conformal');
  expect(thresholdFor(thresholds, leastPrecision).threshold).toBe(policy.flagAt);
});

test('real texts change nothing where few enough are flagged anyway', () => {
  const real = [...scored(1, 0.95, false), ...scored(999, 0.2, false)];
  const policy = choosePolicy(measureThresholds(validation, real), 'p');
  expect(policy.flagAt).toBe(0.31);
  expect(policy.promise.falseFlags).toMatchObject({ n: 1000, flagged: 1 });
});

test('without real texts the precision alone decides and nothing is promised of them', () => {
  const thresholds = measureThresholds(validation, []);
  const policy = choosePolicy(thresholds, 'p');
  expect(policy.flagAt).toBe(0.31);
  expect(policy.promise).not.toHaveProperty('falseFlags');
  expect(thresholds).not.toHaveProperty('realN');
});

test('too few real texts to vouch for any threshold leave those that flag the fewest, and the policy tells', () => {
  const policy = choosePolicy(
    measureThresholds(validation, [...scored(1, 0.5, false), ...scored(99, 0, false)]),
    'p',
  );
  expect(policy.flagAt).toBe(0.51);
  expect(policy.promise.falseFlags?.per10k).toBeGreaterThan(mostFalseFlagsPer10k);
});

test('the parts of the background share no text, leave none out, and hold no offer', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-background-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, label: string): string => {
    const rows = Array.from({ length: 10 }, (_, n) =>
      JSON.stringify({ id: `${name}${n}`, text: 'x', label }),
    );
    writeFileSync(join(folder, name), rows.join('\n'));
    return join(folder, name);
  };
  const { learned, chosenBy, reported } = await readBackground([write('a', 'other'), write('b', 'other')]);
  expect([learned.length, chosenBy.length, reported.length]).toEqual([10, 5, 5]);
  expect(new Set([...learned, ...chosenBy, ...reported].map(({ id }) => id)).size).toBe(20);
  await expect(readBackground([write('c', 'offer')])).rejects.toMatchObject({ code: 'CORPUS_INVALID' });
});
