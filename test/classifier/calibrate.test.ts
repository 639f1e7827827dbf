import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitCalibration, sigmoid } from '../../src/classifier/calibrate.ts';
import { createRandom } from '../../src/classifier/random.ts';

test('finds the slope and the shift that were put in', () => {
  const random = createRandom(7);
  const logOdds = Array.from({ length: 20_000 }, () => random() * 12 - 6);
  const truths = logOdds.map((value) => random() < sigmoid(0.5 * value - 1));
  const { slope, intercept } = fitCalibration(logOdds, truths);
  expect(slope).toBeCloseTo(0.5, 1);
  expect(intercept).toBeCloseTo(-1, 1);
});

test('stays finite and keeps the order, however the classes lie', () => {
  const observation = fc.tuple(fc.double({ min: -300, max: 300, noNaN: true }), fc.boolean());
  fc.assert(
    fc.property(fc.array(observation, { minLength: 1, maxLength: 60 }), (observations) => {
      const { slope, intercept } = fitCalibration(
        observations.map(([value]) => value),
        observations.map(([, truth]) => truth),
      );
      expect(slope).toBeGreaterThan(0);
      expect(Math.abs(intercept)).toBeLessThan(1_000);
    }),
  );
});

test('classes that lie wholly apart get no certainty that so few listings cannot give', () => {
  const apart = fitCalibration([9, 8, 10, -8, -9, -10], [true, true, true, false, false, false]);
  expect(sigmoid(apart.slope * 10 + apart.intercept)).toBeLessThan(0.9);
});
