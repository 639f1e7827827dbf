import { elements } from '../domain/element.ts';

/** What the network answers, in order: the whole offence first, then each element. */
export const heads = ['offer', ...elements] as const;
export type Head = (typeof heads)[number];

/** The network's shape. */
type Shape = { buckets: number; dimensions: number; hidden: number };

/** All numbers of a network, row by row. */
export type Weights = Shape & {
  /** [buckets, dimensions] */
  embedding: Float32Array;
  /** [dimensions, hidden] */
  hiddenKernel: Float32Array;
  /** [hidden] */
  hiddenBias: Float32Array;
  /** [hidden, heads] */
  outputKernel: Float32Array;
  /** [heads] */
  outputBias: Float32Array;
};
