import { type Estimate, wilson } from './intervals.ts';
import type { Judged } from './quality.ts';

/** What a threshold reaches: the share of offers found, and the share of what it takes that are offers. */
export type CurvePoint = { recall: number; precision: number };

/** The listings whose probability lies in [from, to); the last bin holds 1 as well. */
export type ReliabilityBin = {
  from: number;
  to: number;
  n: number;
  offers: number;
  /** NaN in an empty bin. */
  meanProbability: number;
  /** Share of offers with Wilson's interval. */
  share: Estimate;
};

/** As many as the expected calibration error is measured with, so that the picture shows what the figure sums up. */
const binCount = 10;

/** Both plots are a square, in pixels, with room around it for ticks, names and a row of counts. */
const side = 400;
const margin = { top: 34, right: 20, bottom: 48, left: 58 };
const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
const tickLength = 5;
const pointRadius = 4;
const policyRadius = 6;
const labelGap = 18;
/** The row of counts stands clear of the topmost tick's label. */
const countsY = margin.top - 14;

/**
 * The precision–recall curve from the highest probability down, one point for each probability that an offer has.
 * Listings with the same probability are one step, since no threshold can part them.
 */
export function precisionRecallCurve(judged: readonly Judged[]): CurvePoint[] {
  const offers = countOffers(judged);
  const byProbability = Map.groupBy(judged, ({ score }) => score.probability);
  let seen = 0;
  let hits = 0;
  return [...byProbability]
    .sort(([a], [b]) => b - a)
    .flatMap(([, tied]) => {
      const found = countOffers(tied);
      seen += tied.length;
      hits += found;
      return found === 0 ? [] : [{ recall: hits / offers, precision: hits / seen }];
    });
}

/** The listings in ten bins of equal width, empty ones included. */
export function reliabilityBins(judged: readonly Judged[]): ReliabilityBin[] {
  const byBin = Map.groupBy(judged, ({ score }) =>
    Math.min(binCount - 1, Math.floor(score.probability * binCount)),
  );
  return Array.from({ length: binCount }, (_, index) => {
    const part = byBin.get(index) ?? [];
    const offers = countOffers(part);
    return {
      from: index / binCount,
      to: (index + 1) / binCount,
      n: part.length,
      offers,
      meanProbability: part.reduce((sum, { score }) => sum + score.probability, 0) / part.length,
      share: wilson(offers, part.length),
    };
  });
}

/**
 * The curve as inline SVG, styled by the page. It is drawn in steps, so that the area under the line is the average
 * precision.
 *
 * @param policy where the policy stands, beside the curve where its element floors hold listings back; NaN is not drawn
 */
export function drawPrecisionRecall(curve: readonly CurvePoint[], policy: CurvePoint): string {
  const steps = curve.map(({ recall, precision }) => `V${y(precision)}H${x(recall)}`).join('');
  const [first] = curve;
  const line =
    first === undefined
      ? note('No offers, no curve')
      : `<path class="line" d="M${x(0)} ${y(first.precision)}${steps}"/>`;
  return drawPlot('Precision–recall curve', 'recall', 'precision', line + drawPolicy(policy));
}

/** The bins as inline SVG: share of offers over mean probability, whiskers, and the counts above. */
export function drawReliability(bins: readonly ReliabilityBin[]): string {
  const diagonal = `<path class="diagonal" d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}"/>`;
  const counts = bins
    .map(({ from, to, n }) => text(x((from + to) / 2), countsY, String(n), 'count'))
    .join('');
  const empty = bins.every(({ n }) => n === 0) ? note('No listings, no bins') : '';
  return drawPlot(
    'Reliability diagram',
    'mean probability',
    'share of offers',
    text(margin.left - tickLength, countsY, 'listings', 'count end') +
      counts +
      diagonal +
      empty +
      bins.map(drawBin).join(''),
  );
}

function drawBin({ from, to, n, offers, meanProbability, share }: ReliabilityBin): string {
  if (n === 0) return '';
  const at = x(meanProbability);
  // The title is shown by browsers while the pointer rests on the bin.
  return `<g class="bin"><title>${from} to ${to}: ${offers} of ${n} are offers, mean probability ${meanProbability.toFixed(3)}</title>
<path class="whisker" d="M${at} ${y(share.low)}V${y(share.high)}"/>
<circle cx="${at}" cy="${y(share.value)}" r="${pointRadius}"/></g>`;
}

function drawPolicy({ recall, precision }: CurvePoint): string {
  if (Number.isNaN(recall) || Number.isNaN(precision)) return '';
  // The label goes towards the middle of the plot, so that it never leaves it.
  const below = precision > 0.5;
  const labelY = (Number(y(precision)) + (below ? labelGap : -labelGap / 2)).toFixed(1);
  const label = text(x(recall), labelY, 'policy', recall > 0.5 ? 'end' : 'start');
  return `<g class="policy"><circle cx="${x(recall)}" cy="${y(precision)}" r="${policyRadius}"/>${label}</g>`;
}

function drawPlot(name: string, xName: string, yName: string, content: string): string {
  const width = margin.left + side + margin.right;
  const height = margin.top + side + margin.bottom;
  return `<svg role="img" aria-label="${name}" viewBox="0 0 ${width} ${height}">
${drawAxes(xName, yName)}
${content}
</svg>`;
}

function drawAxes(xName: string, yName: string): string {
  const marks = ticks.map((tick) => {
    const line = `M${x(tick)} ${y(0)}v${tickLength}M${x(0)} ${y(tick)}h${-tickLength}`;
    const label = tick.toFixed(1);
    return `<path class="axis" d="${line}"/>${text(x(tick), margin.top + side + labelGap, label, '')}${text(margin.left - 2 * tickLength, Number(y(tick)) + tickLength - 1, label, 'end')}`;
  });
  const middleY = margin.top + side / 2;
  const nameY = margin.top + side + margin.bottom - tickLength;
  return `<rect class="axis" x="${margin.left}" y="${margin.top}" width="${side}" height="${side}"/>
${marks.join('\n')}
${text(margin.left + side / 2, nameY, xName, 'name')}
<g transform="rotate(-90 14 ${middleY})">${text(14, middleY, yName, 'name')}</g>`;
}

function note(content: string): string {
  return text(x(0.5), y(0.5), content, 'name');
}

/** Only our own words and numbers come here, so nothing needs escaping. */
function text(atX: number | string, atY: number | string, content: string, kind: string): string {
  return `<text x="${atX}" y="${atY}" class="${kind}">${content}</text>`;
}

function x(value: number): string {
  return (margin.left + value * side).toFixed(1);
}

function y(value: number): string {
  return (margin.top + (1 - value) * side).toFixed(1);
}

function countOffers(judged: readonly Judged[]): number {
  return judged.filter(({ offer }) => offer).length;
}
