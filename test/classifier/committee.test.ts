import { expect, test } from 'vitest';
import { useBackend } from '../../src/classifier/backend.ts';
import { type Committee, createCommittee, joinMembers } from '../../src/classifier/committee.ts';
import { createNetwork } from '../../src/classifier/network.ts';
import { createRandom } from '../../src/classifier/random.ts';
import { trainNetwork } from '../../src/classifier/train-network.ts';
import { heads } from '../../src/classifier/weights.ts';

const members = [
  { dimensions: 3, hidden: 5 },
  { dimensions: 2, hidden: 4 },
  { dimensions: 3, hidden: 3 },
];

/** A committee whose every own number is drawn, biases too, so that nothing cancels out by being 0. */
function drawnCommittee(): Committee {
  const random = createRandom(7);
  const committee = createCommittee(16, members, random);
  for (const [index, values] of committee.dense.entries()) {
    for (const at of values.keys()) values[at] = (committee.own[index]?.[at] ?? 0) * (2 * random() - 1);
  }
  return committee;
}

/** The log-odds of one member by hand, from its own numbers alone. */
function logOddsOf(member: number, pooled: Float32Array, { dense, dimensions, hidden }: Committee): number[] {
  const before = (part: 'dimensions' | 'hidden') =>
    members.slice(0, member).reduce((sum, each) => sum + each[part], 0);
  const [hiddenKernel, hiddenBias, outputKernel, outputBias] = dense;
  const own = members[member] ?? { dimensions: 0, hidden: 0 };
  const outputs = members.length * heads.length;
  const columns = Array.from({ length: own.dimensions }, (_, d) => before('dimensions') + d);
  const units = Array.from({ length: own.hidden }, (_, u) => before('hidden') + u);
  expect(columns.every((d) => d < dimensions)).toBe(true);
  return heads.map((_head, head) => {
    const output = member * heads.length + head;
    return units.reduce((total, unit) => {
      const sum = columns.reduce(
        (sum, d) => sum + (pooled[d] ?? 0) * (hiddenKernel[d * hidden + unit] ?? 0),
        hiddenBias[unit] ?? 0,
      );
      return total + Math.max(sum, 0) * (outputKernel[unit * outputs + output] ?? 0);
    }, outputBias[output] ?? 0);
  });
}

test('the joined network says exactly what its members say on average', async () => {
  await useBackend('wasm');
  const committee = drawnCommittee();
  const network = createNetwork(joinMembers(committee));
  const random = createRandom(8);
  for (let text = 0; text < 50; text += 1) {
    const pooled = Float32Array.from({ length: committee.dimensions }, () => 4 * random() - 2);
    const answers = members.map((_member, index) => logOddsOf(index, pooled, committee));
    const joined = network.predict(pooled);
    heads.forEach((_head, head) => {
      const mean = answers.reduce((sum, answer) => sum + (answer[head] ?? 0), 0) / members.length;
      expect(joined[head]).toBeCloseTo(mean, 5);
    });
  }
  network.dispose();
});

test('members learn, and apart: nothing ever joins one’s columns to another’s units', async () => {
  await useBackend('wasm');
  const examples = [0, 1].flatMap((truth) =>
    Array.from({ length: 40 }, (_, n) => ({
      rows: Int32Array.from([truth * 8 + (n % 8), truth * 8 + ((n + 3) % 8)]),
      targets: heads.map(() => truth),
    })),
  );
  const losses: number[] = [];
  const weights = trainNetwork(
    examples,
    {
      buckets: 16,
      members,
      epochs: 5,
      batchSize: 8,
      learningRate: 0.1,
      featureDropout: 0.3,
      weightDecay: 1e-3,
      seed: 1,
    },
    (_epoch, loss) => void losses.push(loss),
  );
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
  const { own } = createCommittee(16, members, createRandom(1));
  weights.hiddenKernel.forEach((value, at) => {
    expect(value !== 0).toBe(own[0][at] === 1);
  });
  expect(own[0].reduce((sum, mine) => sum + mine, 0)).toBe(3 * 5 + 2 * 4 + 3 * 3);
});
