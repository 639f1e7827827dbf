import { setTimeout } from 'node:timers/promises';
import type { CaptureStore } from './capture-store.ts';

/** What a sweep found. A list ends at `mostNamed`; its count does not. */
export type SweepReport = {
  /** Expected copies that were looked at. */
  checked: number;
  /** Expected, and not stored. */
  missing: string[];
  /** Stored, with other bytes than their name says. */
  altered: string[];
  /** Stored before the sweep began and still after it, and not expected by anyone. */
  unknown: string[];
  counts: { missing: number; altered: number; unknown: number };
};

/** The first 64 bits of every SHA-256 in a store, sorted: 8 bytes each, and one more for whether it was met. */
type Stored = { meet(sha256: string): void; isUnmet(sha256: string): boolean };

const bitsOf = (sha256: string) => BigInt(`0x${sha256.slice(0, 16)}`);

async function readStored(store: CaptureStore): Promise<Stored> {
  let all = new BigUint64Array(1024);
  let count = 0;
  for await (const sha256 of store.list()) {
    if (count === all.length) {
      const larger = new BigUint64Array(count * 2);
      larger.set(all);
      all = larger;
    }
    all[count] = bitsOf(sha256);
    count += 1;
  }
  const sorted = all.subarray(0, count).sort();
  const met = new Uint8Array(count);
  /** Where it lies, or -1. */
  function find(sha256: string): number {
    const wanted = bitsOf(sha256);
    let from = 0;
    let to = count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((sorted[middle] ?? 0n) < wanted) from = middle + 1;
      else to = middle;
    }
    return sorted[from] === wanted && from < count ? from : -1;
  }
  return {
    meet(sha256) {
      const at = find(sha256);
      if (at >= 0) met[at] = 1;
    },
    isUnmet(sha256) {
      const at = find(sha256);
      return at >= 0 && met[at] === 0;
    },
  };
}

/**
 * Reads every expected copy back, and looks for copies that nobody expects. It changes nothing.
 *
 * The store is listed before `expected` is read and again at the end, so that a copy put meanwhile is not
 * called unknown. Memory: 9 bytes for each stored copy, and the lists.
 *
 * @param expected SHA-256s, each once, such as those of the database; read lazily
 * @param options.perSecond the most copies to read back in a second; no bound without it
 * @param options.mostNamed where each list ends; 10,000 without it
 * @param options.signal ends the sweep with its reason
 * @throws AppError CAPTURES_UNAVAILABLE when the store cannot be read: then nothing is known
 */
export async function sweepCaptures(
  store: CaptureStore,
  expected: AsyncIterable<string>,
  options: {
    perSecond?: number;
    mostNamed?: number;
    onProgress?: (soFar: { checked: number; missing: number; altered: number }) => void;
    signal?: AbortSignal;
  } = {},
): Promise<SweepReport> {
  const { perSecond = Number.POSITIVE_INFINITY, mostNamed = 10_000, onProgress, signal } = options;
  const report: SweepReport = {
    checked: 0,
    missing: [],
    altered: [],
    unknown: [],
    counts: { missing: 0, altered: 0, unknown: 0 },
  };
  const note = (kind: 'missing' | 'altered' | 'unknown', sha256: string) => {
    report.counts[kind] += 1;
    if (report[kind].length < mostNamed) report[kind].push(sha256);
  };
  const stored = await readStored(store);
  const start = performance.now();
  for await (const sha256 of expected) {
    const wait = (report.checked / perSecond) * 1000 - (performance.now() - start);
    if (wait > 0) await setTimeout(wait, undefined, signal === undefined ? {} : { signal });
    signal?.throwIfAborted();
    stored.meet(sha256);
    const wrong = await store.check(sha256);
    if (wrong !== null) note(wrong, sha256);
    report.checked += 1;
    onProgress?.({ checked: report.checked, missing: report.counts.missing, altered: report.counts.altered });
  }
  for await (const sha256 of store.list()) {
    signal?.throwIfAborted();
    if (stored.isUnmet(sha256)) note('unknown', sha256);
  }
  return report;
}
