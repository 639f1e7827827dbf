import { expect, test } from 'vitest';
import { type Evaluation, formatEvaluation, type JudgedText } from '../../src/classifier/evaluate.ts';
import { measureQuality } from '../../src/classifier/quality.ts';
import { reportPage } from '../../src/classifier/report-page.ts';
import { precisionRecallCurve, reliabilityBins } from '../../src/classifier/report-plots.ts';

const floors = { clothing: 0, used: 0, imported: 0, offered: 0, bulk: 0 };
const policy = { flagAt: 0.5, watchAt: 0.25, elementFloors: floors };

function judgedText(probability: number, offer: boolean, rest: Partial<JudgedText> = {}): JudgedText {
  const score = {
    probability,
    elements: { clothing: 0.91, used: 0.82, imported: 0.73, offered: 0.64, bulk: 0.55 },
  };
  return {
    id: `id-${probability}-${offer}`,
    slice: 'plain',
    text: 'a text',
    offer,
    score,
    flagged: probability >= policy.flagAt,
    ...rest,
  };
}

function evaluationOf(judged: readonly JudgedText[]): Evaluation {
  const slices = Map.groupBy(judged, ({ slice }) => slice);
  return {
    modelVersion: 'bag-test',
    policyVersion: 'policy-test',
    overall: measureQuality(judged, policy),
    slices: Object.fromEntries([...slices].map(([name, part]) => [name, measureQuality(part, policy)])),
  };
}

function pageOf(judged: readonly JudgedText[], title = 'Test split'): string {
  return reportPage({ title, evaluation: evaluationOf(judged), judged });
}

/** Flagged: 0.95 and one of each at 0.8. Left alone: 0.3 and 0.05, and an offer at 0.25. */
const few = [
  judgedText(0.25, true),
  judgedText(0.8, false),
  judgedText(0.95, true),
  judgedText(0.3, false),
  judgedText(0.8, true),
  judgedText(0.05, false),
];

test('escapes whatever strangers wrote, wherever it stands', () => {
  const hostile = `</pre></blockquote><script>alert("x")</script><img src='https://evil.test' onerror=a()>&amp;`;
  const page = pageOf([judgedText(0.9, false, { id: hostile, slice: hostile, text: hostile })], hostile);
  const escaped =
    '&lt;/pre&gt;&lt;/blockquote&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&lt;img src=&#39;https://evil.test&#39; onerror=a()&gt;&amp;amp;';
  expect(page).not.toMatch(/<script|<img|<\/pre|alert\("/);
  // Page title, heading, slice in the table; id, slice and text of the mistake.
  expect(page.split(escaped)).toHaveLength(7);
  expect(page.match(/<\/blockquote>/g)).toHaveLength(1);
});

test('asks for nothing from outside and forbids scripts', () => {
  const page = pageOf(few);
  expect(page).toContain(
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
  );
  expect(page).toContain('color-scheme: light dark');
  expect(page).not.toMatch(/https?:|url\(|@import|\ssrc=|\shref=|<link|<script/);
});

test('names versions and counts', () => {
  const page = pageOf(few, 'Held-out authors');
  expect(page).toContain('<h1>Held-out authors</h1>');
  expect(page).toContain('Model <bdi>bag-test</bdi>, policy <bdi>policy-test</bdi>');
  expect(page).toContain('Listings: 6, offers: 3, flagged: 3, false flags: 1, missed offers: 1.');
});

test('the table of slices says what formatEvaluation says', () => {
  const judged = [...few, judgedText(0.1, false, { slice: 'only others' })];
  const rows = pageOf(judged)
    .split('\n')
    .filter((line) => line.includes('<tr>'))
    .map((line) => [...line.matchAll(/<t[hd](?: [^>]*)?>([^<]*)</g)].map(([, cell]) => cell));
  const expected = formatEvaluation(evaluationOf(judged))
    .split('\n')
    .filter((line) => !line.startsWith('| ---'))
    .map((line) => line.slice(2, -2).split(' | '));
  expect(rows).toEqual(expected);
  expect(rows.map(([name]) => name)).toEqual(['slice', 'plain', 'only others', 'all']);
});

test('the curve takes equal probabilities as one step', () => {
  expect(precisionRecallCurve(few)).toEqual([
    { recall: 1 / 3, precision: 1 },
    { recall: 2 / 3, precision: 2 / 3 },
    { recall: 1, precision: 3 / 5 },
  ]);
  // The square reaches from (58, 34) to (458, 434).
  const page = pageOf(few);
  expect(page).toContain('<path class="line" d="M58.0 34.0V34.0H191.3V167.3H324.7V194.0H458.0"/>');
  expect(page).toContain('<g class="policy"><circle cx="324.7" cy="167.3"');
});

test('the area under the curve is the average precision', () => {
  let reached = 0;
  let area = 0;
  for (const { recall, precision } of precisionRecallCurve(few)) {
    area += (recall - reached) * precision;
    reached = recall;
  }
  const { averagePrecision } = measureQuality(few, policy);
  expect(area).toBeCloseTo(averagePrecision.value, 12);
  expect(pageOf(few)).toContain(`Average precision: ${averagePrecision.value.toFixed(3)} [`);
});

test('bins hold mean probability, share of offers and its interval', () => {
  const bins = reliabilityBins([...few, judgedText(1, true), judgedText(0.87, true)]);
  expect(bins.map(({ n }) => n)).toEqual([1, 0, 1, 1, 0, 0, 0, 0, 3, 2]);
  expect(bins[8]).toMatchObject({ from: 0.8, to: 0.9, offers: 2 });
  expect(bins[8]?.meanProbability).toBeCloseTo((0.8 + 0.8 + 0.87) / 3, 12);
  expect(bins[8]?.share.value).toBeCloseTo(2 / 3, 12);
  expect(bins[8]?.share.low).toBeCloseTo(0.2077, 4);
  expect(bins[8]?.share.high).toBeCloseTo(0.9385, 4);
  expect(bins[1]?.meanProbability).toBeNaN();
});

test('the distances of the bins add up to the calibration error', () => {
  const bins = reliabilityBins(few).filter(({ n }) => n > 0);
  const error = bins.reduce((sum, bin) => sum + bin.n * Math.abs(bin.meanProbability - bin.share.value), 0);
  const { calibrationError } = measureQuality(few, policy);
  expect(error / few.length).toBeCloseTo(calibrationError.value, 12);
  const page = pageOf(few);
  expect(page).toContain(`Expected calibration error: ${calibrationError.value.toFixed(3)} [`);
  expect(page.match(/<g class="bin">/g)).toHaveLength(bins.length);
});

test('mistakes stand by how wrong they are, with what is needed to judge them', () => {
  const judged = [...few, judgedText(0.6, false, { id: 'mild' }), judgedText(0.02, true, { id: 'worst' })];
  const page = pageOf(judged);
  const headings = [...page.matchAll(/<h3>(.*?) <bdi>(.*?)<\/bdi>/g)].map(([, kind, id]) => [kind, id]);
  expect(headings).toEqual([
    ['Missed offer', 'worst'],
    ['False flag', 'id-0.8-false'],
    ['Missed offer', 'id-0.25-true'],
    ['False flag', 'mild'],
  ]);
  expect(page).toContain('slice <bdi>plain</bdi> · probability 0.020 · truth: an offer<');
  expect(page).toContain('probability 0.600 · truth: not an offer<');
  expect(page).toContain('clothing 0.910 · used 0.820 · imported 0.730 · offered 0.640 · bulk 0.550');
});

test('shows the fifty worst mistakes and no more', () => {
  const judged = Array.from({ length: 80 }, (_, index) =>
    judgedText(0.51 + index / 200, false, { id: `m${index}` }),
  );
  const page = pageOf(judged);
  const ids = [...page.matchAll(/<h3>False flag <bdi>(.*?)<\/bdi>/g)].map(([, id]) => id);
  expect(ids).toEqual(Array.from({ length: 50 }, (_, index) => `m${79 - index}`));
  expect(page).toContain('Shown: 50 of 80');
});

test('cuts long texts after 600 characters, never inside one', () => {
  const textOf = (text: string) =>
    pageOf([judgedText(0.9, false, { text })]).match(/<blockquote[^>]*>([^<]*)</)?.[1];
  expect(textOf('👕'.repeat(601))).toBe(`${'👕'.repeat(600)}…`);
  expect(textOf('👕'.repeat(600))).toBe('👕'.repeat(600));
  expect(textOf('\nfirst line empty')).toBe('\nfirst line empty');
});

test.each([
  { name: 'nothing at all', judged: [] },
  { name: 'no offers', judged: [judgedText(0.1, false), judgedText(0.9, false)] },
  { name: 'nothing but offers', judged: [judgedText(0.1, true), judgedText(0.9, true)] },
  { name: 'no flags', judged: [judgedText(0.1, true), judgedText(0.2, false)] },
])('gives a page for $name', ({ judged }) => {
  const page = pageOf(judged);
  expect(page.match(/<svg /g)).toHaveLength(2);
  expect(page).toMatch(/<\/html>\n$/);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});
