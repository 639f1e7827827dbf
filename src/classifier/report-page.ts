import { elements } from '../domain/element.ts';
import { columns, type Evaluation, type JudgedText, share } from './evaluate.ts';
import type { Quality } from './quality.ts';
import {
  drawPrecisionRecall,
  drawReliability,
  precisionRecallCurve,
  reliabilityBins,
} from './report-plots.ts';

/** What is reported: `judged` are the listings that `evaluation` was measured on. */
type Report = { title: string; evaluation: Evaluation; judged: readonly JudgedText[] };

/** As many as somebody reads in one sitting. */
const mistakesShown = 50;
const charactersShown = 600;

/** Both themes come from one sheet: the browser picks by what the reader prefers. */
const style = `
:root { color-scheme: light dark; --faint: light-dark(#5c6370, #a3abb8); --rule: light-dark(#d5d9e0, #3d434e);
  --line: light-dark(#1f5fbf, #82b4ff); --mark: light-dark(#b3261e, #ff8f85);
  background: light-dark(#fff, #16181d); color: light-dark(#1c1f24, #e6e8ec); }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
thead th { white-space: normal; vertical-align: bottom; }
th:first-child { text-align: left; }
tfoot th, tfoot td { font-weight: bold; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 2rem; }
figure { margin: 0; }
figcaption, .facts { color: var(--faint); font-size: .875rem; }
svg { width: 100%; max-width: 32rem; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; text-anchor: middle; }
svg .count { font-size: 10px; }
svg .start { text-anchor: start; }
svg .end { text-anchor: end; }
svg .name { font-size: 13px; }
.axis, .diagonal { fill: none; stroke: var(--faint); }
.diagonal { stroke-dasharray: 4 4; }
.line { fill: none; stroke: var(--line); stroke-width: 2; }
.whisker { stroke: var(--line); stroke-width: 1.5; }
.bin circle { fill: var(--line); }
.policy circle, .policy text { fill: var(--mark); }
article { border-top: 1px solid var(--rule); margin-top: 1.5rem; }
.facts { margin: .25rem 0; overflow-wrap: anywhere; }
blockquote { margin: .75rem 0; padding-left: 1rem; border-left: 3px solid var(--rule);
  white-space: pre-wrap; overflow-wrap: anywhere; }
`;

/**
 * An evaluation as one HTML page that needs nothing beside itself: figures, curves, and the worst mistakes to read.
 * Listings are by strangers, so all of their words are escaped and the page forbids itself scripts and requests.
 */
export function reportPage(report: Report): string {
  const title = escapeHtml(report.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
${summary(report)}
<h2>Slices, the worst first</h2>
${sliceTable(report.evaluation)}
<h2>Curves</h2>
<div class="plots">
${curveFigure(report)}
${reliabilityFigure(report)}
</div>
<h2>Mistakes, the worst first</h2>
${mistakeList(report.judged)}
</body>
</html>
`;
}

function summary({ evaluation, judged }: Report): string {
  const { modelVersion, policyVersion, overall } = evaluation;
  const flagged = judged.filter((each) => each.flagged);
  const falseFlags = flagged.filter(({ offer }) => !offer).length;
  const missed = judged.filter((each) => each.offer && !each.flagged).length;
  return `<p>Model <bdi>${escapeHtml(modelVersion)}</bdi>, policy <bdi>${escapeHtml(policyVersion)}</bdi>.
Listings: ${overall.n}, offers: ${overall.offers}, flagged: ${flagged.length}, false flags: ${falseFlags}, missed offers: ${missed}.
Brackets hold 95 % intervals.</p>`;
}

function sliceTable({ slices, overall }: Evaluation): string {
  const row = (name: string, quality: Quality) =>
    `<tr><th scope="row">${escapeHtml(name)}</th>${columns.map(([, cell]) => `<td>${cell(quality)}</td>`).join('')}</tr>`;
  return `<div class="wide"><table>
<thead><tr>${['slice', ...columns.map(([name]) => name)].map((name) => `<th scope="col">${name}</th>`).join('')}</tr></thead>
<tbody>
${Object.entries(slices)
  .map(([name, quality]) => row(name, quality))
  .join('\n')}
</tbody>
<tfoot>${row('all', overall)}</tfoot>
</table></div>`;
}

function curveFigure({ evaluation: { overall }, judged }: Report): string {
  const policy = { recall: overall.recall.value, precision: overall.precision.value };
  return `<figure>
${drawPrecisionRecall(precisionRecallCurve(judged), policy)}
<figcaption>Precision–recall curve. Average precision: ${share(overall.averagePrecision)}.
The policy: precision ${share(overall.precision)}, recall ${share(overall.recall)}.</figcaption>
</figure>`;
}

function reliabilityFigure({ evaluation: { overall }, judged }: Report): string {
  return `<figure>
${drawReliability(reliabilityBins(judged))}
<figcaption>Reliability diagram. Expected calibration error: ${share(overall.calibrationError)}.
Points on the dashed line are calibrated; whiskers are 95 % Wilson intervals; above, the listings in each bin.</figcaption>
</figure>`;
}

function mistakeList(judged: readonly JudgedText[]): string {
  const mistakes = judged.filter(({ flagged, offer }) => flagged !== offer);
  const worst = mistakes.toSorted((a, b) => wrongness(b) - wrongness(a)).slice(0, mistakesShown);
  if (worst.length === 0) return '<p>None.</p>';
  return `<p>Shown: ${worst.length} of ${mistakes.length}, by the distance between probability and truth.</p>
${worst.map(mistake).join('\n')}`;
}

function mistake({ id, slice, text, offer, score }: JudgedText): string {
  const probabilities = elements.map((element) => `${element} ${score.elements[element].toFixed(3)}`);
  // Not <pre>, which would swallow a first line break; bdi keeps text that runs from right to left to itself.
  return `<article>
<h3>${offer ? 'Missed offer' : 'False flag'} <bdi>${escapeHtml(id)}</bdi></h3>
<p class="facts">slice <bdi>${escapeHtml(slice)}</bdi> · probability ${score.probability.toFixed(3)} · truth: ${offer ? 'an offer' : 'not an offer'}</p>
<p class="facts">${probabilities.join(' · ')}</p>
<blockquote lang="id" dir="auto">${escapeHtml(cut(text))}</blockquote>
</article>`;
}

function wrongness({ score, offer }: JudgedText): number {
  return Math.abs(score.probability - (offer ? 1 : 0));
}

/** Counts code points, so that no emoji is cut in two. */
function cut(text: string): string {
  const characters = Array.from(text);
  return characters.length > charactersShown ? `${characters.slice(0, charactersShown).join('')}…` : text;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
