import type { Estimate } from '../../src/classifier/intervals.ts';
import { type Judged, measureQuality, type Quality } from '../../src/classifier/quality.ts';
import { type Contestant, judge } from './contestant.ts';
import { markdownTable } from './markdown-table.ts';
import type { Example } from './peer.ts';

const judgedPrecisions = [0.95, 0.9];

/** How well each finds the offers among these rows. */
export function qualityTable(contestants: readonly Contestant[], rows: readonly Example[]): string {
  const recalls = judgedPrecisions.map((least) => `recall at precision ${least.toFixed(2)}`);
  const header = ['peer', 'average precision', ...recalls, 'flags at', 'precision', 'recall'];
  const lines = contestants.map((each) => {
    const judged = judge(each, rows);
    const quality = measureAt(each.flagAt, judged);
    return [
      each.name,
      share(quality.averagePrecision),
      ...judgedPrecisions.map((least) => recallAtPrecision(judged, least)?.toFixed(3) ?? '–'),
      each.threshold,
      share(quality.precision),
      share(quality.recall),
      rate(quality.falseFlagsPer10k),
    ];
  });
  return markdownTable([...header, 'false flags per 10,000'], lines);
}

/** How often each flags rows of which none is an offer. */
export function backgroundTable(contestants: readonly Contestant[], rows: readonly Example[]): string {
  const lines = contestants.map((each) => {
    const judged = judge(each, rows);
    const flags = judged.filter(({ score }) => score.probability >= each.flagAt).length;
    return [each.name, each.threshold, String(flags), rate(measureAt(each.flagAt, judged).falseFlagsPer10k)];
  });
  return markdownTable(['peer', 'flags at', 'false flags', 'false flags per 10,000'], lines);
}

/** Without element floors, which peers have not. */
function measureAt(flagAt: number, judged: readonly Judged[]): Quality {
  const elementFloors = { clothing: 0, used: 0, imported: 0, offered: 0, bulk: 0 };
  return measureQuality(judged, { flagAt, watchAt: flagAt, elementFloors });
}

/**
 * The greatest share of offers found by any threshold with at least this precision; null where there is none. Texts
 * with the same score count as one step, as in average precision.
 */
function recallAtPrecision(judged: readonly Judged[], least: number): number | null {
  const steps = [...Map.groupBy(judged, ({ score }) => score.probability)].sort(([a], [b]) => b - a);
  let flagged = 0;
  let hits = 0;
  let bestHits = 0;
  for (const [, step] of steps) {
    flagged += step.length;
    hits += step.filter(({ offer }) => offer).length;
    if (hits / flagged >= least) bestHits = hits;
  }
  return bestHits === 0 ? null : bestHits / judged.filter(({ offer }) => offer).length;
}

function share({ value, low, high }: Estimate): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function rate({ value, low, high }: Estimate): string {
  return `${value.toFixed(0)} [${low.toFixed(0)}, ${high.toFixed(0)}]`;
}
