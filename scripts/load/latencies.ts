/** How requests of one kind fared; milliseconds. */
export type KindSummary = {
  kind: string;
  requests: number;
  errors: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
};

/** Remembers every request, so that percentiles are exact. */
export type Latencies = {
  record(kind: string, tookMs: number): void;
  /** A failed request counts as a request, and not into the percentiles: it may have been quick. */
  fail(kind: string, what: string): void;
  /** Of one kind, or of all kinds that begin so. */
  summarise(kind: string): KindSummary;
  /** Kinds in the order of their first request. */
  kinds(): string[];
  /** The first words of each error, and how often. */
  errors(): Map<string, number>;
};

const errorLength = 200;

export function createLatencies(): Latencies {
  const took = new Map<string, number[]>();
  const failed = new Map<string, number>();
  const errors = new Map<string, number>();
  const of = (kind: string) => {
    const known = took.get(kind) ?? [];
    took.set(kind, known);
    return known;
  };
  return {
    record(kind, tookMs) {
      of(kind).push(tookMs);
    },
    fail(kind, what) {
      of(kind);
      failed.set(kind, (failed.get(kind) ?? 0) + 1);
      const words = `${kind}: ${what.slice(0, errorLength)}`;
      errors.set(words, (errors.get(words) ?? 0) + 1);
    },
    summarise(kind) {
      const mine = [...took.keys()].filter((each) => each.startsWith(kind));
      const sorted = Float64Array.from(mine.flatMap((each) => took.get(each) ?? [])).sort();
      const errorCount = mine.reduce((sum, each) => sum + (failed.get(each) ?? 0), 0);
      return {
        kind,
        requests: sorted.length + errorCount,
        errors: errorCount,
        p50: percentile(sorted, 50),
        p95: percentile(sorted, 95),
        p99: percentile(sorted, 99),
        max: percentile(sorted, 100),
      };
    },
    kinds: () => [...took.keys()],
    errors: () => errors,
  };
}

/**
 * The least value that so many per cent of all values do not exceed (nearest rank).
 *
 * @param sorted ascending; NaN of none
 */
export function percentile(sorted: Float64Array, percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}
