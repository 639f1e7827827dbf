import { createRandom, type Random } from '../../src/classifier/random.ts';

/**
 * The faults suite breaks a whole installation in the middle of batches: a service and workers as processes, with a PostgreSQL and
 * a Redis of their own. At the end every row must have one result and every flag one review. It has two modes:
 *
 * - short, with all other tests: every kind of fault once. Nobody waits for the leases of dead processes; the test has them run out
 *   (`letTimePass`);
 * - long, by `FAULTS=long npx vitest run test/faults`: larger batches, over 200 kills at random moments, real waits, sleeps longer
 *   than a lease, and a row that kills. It takes about a quarter of an hour.
 *
 * Each test prints its seed; `FAULTS_SEED=…` takes it up again. The totals of all tests stand at the end of the run.
 */
export const long = process.env.FAULTS === 'long';

/** One of two values, by the mode. */
export function byMode<T>(short: T, inLong: T): T {
  return long ? inLong : short;
}

/** Random numbers and what is made of them; the same seed gives the same. */
export type Chance = {
  random: Random;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  pick<T>(items: readonly T[]): T;
};

/** Chance from `FAULTS_SEED`, or from a seed of this moment; either is printed. */
export function createChance(name: string): Chance {
  const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);
  process.stderr.write(`${name}: FAULTS_SEED=${seed}\n`);
  const random = createRandom(seed);
  return {
    random,
    between: (least, most) => least + Math.floor(random() * (most - least + 1)),
    pick(items) {
      const item = items[Math.floor(random() * items.length)];
      if (item === undefined) throw new Error('there is nothing to pick from');
      return item;
    },
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `condition` holds; one that throws, as when a server is away, does not hold. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  { everyMs = 20, mostMs = byMode(60_000, 300_000) }: { everyMs?: number; mostMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + mostMs;
  let last: unknown = null;
  for (;;) {
    const holds = await condition().catch((error: unknown) => {
      last = error;
      return false;
    });
    if (holds) return;
    if (Date.now() > deadline) throw new Error(`not within ${mostMs} ms: ${what}`, { cause: last });
    await pause(everyMs);
  }
}
