import type { Random } from './random.ts';
import { heads, type Weights } from './weights.ts';

/** The shape of one network of a committee. */
export type Member = { dimensions: number; hidden: number };

/**
 * Small networks that learn side by side from the same texts, each by its own mistakes. Their numbers lie in the same
 * arrays: every member has columns of the embedding and hidden units of its own, and what would join one member's
 * columns or units to another's stays 0.
 */
export type Committee = {
  /** [buckets, dimensions], of all members */
  embedding: Float32Array;
  /** The dense layers: hidden kernel [dimensions, hidden], hidden bias, output kernel [hidden, members · heads] and output bias. */
  dense: readonly [Float32Array, Float32Array, Float32Array, Float32Array];
  /** Which numbers of each dense layer may be other than 0. */
  own: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  buckets: number;
  dimensions: number;
  hidden: number;
  /** The columns of each member: from, and up to but without. */
  columns: readonly (readonly [from: number, to: number])[];
};

/** A committee that has learned nothing yet. */
export function createCommittee(buckets: number, members: readonly Member[], random: Random): Committee {
  const columnMembers = members.flatMap(({ dimensions }, index) =>
    Array.from({ length: dimensions }, () => index),
  );
  const units = members.flatMap((member, index) => Array.from({ length: member.hidden }, () => index));
  const outputs = members.flatMap((_member, index) => heads.map(() => index));
  const uniform = (spread: number) => (2 * random() - 1) * spread;
  // He initialisation (He, Zhang, Ren and Sun 2015), as a uniform spread.
  const kernel = (
    from: readonly number[],
    to: readonly number[],
    inputs: (member: Member) => number,
  ): [Float32Array, Uint8Array] => {
    const own = Uint8Array.from(from.flatMap((one) => to.map((other) => (one === other ? 1 : 0))));
    const spreads = members.map((member) => Math.sqrt(6 / inputs(member)));
    const spreadAt = (at: number) => spreads[from[Math.floor(at / to.length)] ?? 0] ?? 0;
    return [Float32Array.from(own, (mine, at) => (mine === 1 ? uniform(spreadAt(at)) : 0)), own];
  };
  const embedding = Float32Array.from({ length: buckets * columnMembers.length }, () => uniform(0.05));
  const [hiddenKernel, ownHidden] = kernel(columnMembers, units, ({ dimensions }) => dimensions);
  const [outputKernel, ownOutput] = kernel(units, outputs, ({ hidden }) => hidden);
  return {
    embedding,
    dense: [hiddenKernel, new Float32Array(units.length), outputKernel, new Float32Array(outputs.length)],
    own: [ownHidden, new Uint8Array(units.length).fill(1), ownOutput, new Uint8Array(outputs.length).fill(1)],
    buckets,
    dimensions: columnMembers.length,
    hidden: units.length,
    columns: members.map((_member, index) => [
      columnMembers.indexOf(index),
      columnMembers.lastIndexOf(index) + 1,
    ]),
  };
}

/**
 * One network whose log-odds are the means of the members'. Exactly so, since each hidden unit speaks for one member
 * alone: its voice is divided by their number, and the biases are averaged.
 */
export function joinMembers({ embedding, dense, buckets, dimensions, hidden, columns }: Committee): Weights {
  const members = columns.length;
  const [hiddenKernel, hiddenBias, outputKernel, outputBias] = dense;
  const mean = (values: Float32Array): Float32Array =>
    Float32Array.from({ length: values.length / members }, (_, at) => {
      const from = Math.floor(at / heads.length) * members * heads.length + (at % heads.length);
      let sum = 0;
      for (let member = 0; member < members; member += 1) sum += values[from + member * heads.length] ?? 0;
      return sum / members;
    });
  return {
    buckets,
    dimensions,
    hidden,
    embedding,
    hiddenKernel,
    hiddenBias,
    outputKernel: mean(outputKernel),
    outputBias: mean(outputBias),
  };
}
