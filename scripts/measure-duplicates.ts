/**
 * Near-duplicates: which copies of a text are found under the edits of people who post it again, and which different
 * texts are taken for one, beside the same lower-cased text and a 64-bit SimHash at up to 3 bits; microseconds a text;
 * and, with --groups, microseconds a listing in tables of that many groups. Texts without a fingerprint are left out.
 * Thresholds are chosen on the validation authors; --split test is for reporting.
 * Usage: node scripts/measure-duplicates.ts [--split validation] [--groups 10000,100000] [--database postgres://…]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type CorpusRow, readCorpus, splits } from '../src/classifier/corpus.ts';
import { createRandom } from '../src/classifier/random.ts';
import { type Fingerprint, leastResemblance } from '../src/domain/fingerprint.ts';
import { createFingerprinter } from '../src/duplicates/fingerprint-text.ts';
import { openStore } from '../src/store/db.ts';
import { edits } from './duplicates/edits.ts';
import { createLeaders } from './duplicates/leaders.ts';
import { createTextMaker, measureTable } from './duplicates/measure-table.ts';
import { type SimHash, simDistance, simHash } from './duplicates/sim-hash.ts';
import { median } from './median.ts';
import { markdownTable } from './peers/markdown-table.ts';

const { values } = parseArgs({
  options: {
    split: { type: 'string', default: 'validation' },
    groups: { type: 'string', default: '' },
    database: { type: 'string' },
  },
});
const split = z.enum(splits).parse(values.split);
const thresholds = [0.5, 0.6, leastResemblance, 0.8];
const mostBits = 3;
const samplesShown = 12;

const fingerprint = createFingerprinter();
const corpus = await readCorpus('data/corpus');

type Known = { row: CorpusRow; print: Fingerprint; small: SimHash };
const known = corpus[split].flatMap((row): Known[] => {
  const print = fingerprint(row.text);
  return print === null ? [] : [{ row, print, small: simHash(row.text) }];
});

function percent(count: number, of: number): string {
  return ((100 * count) / Math.max(1, of)).toFixed(1);
}

function nearestSmall(small: SimHash, among: readonly Known[]): number | null {
  let best: number | null = null;
  let least = mostBits + 1;
  for (const [place, one] of among.entries()) {
    const distance = simDistance(small, one.small);
    if (distance >= least) continue;
    least = distance;
    best = place;
  }
  return best;
}

function reportEdits(): void {
  const leaders = createLeaders();
  for (const [place, { print }] of known.entries()) leaders.add(print, place);
  const texts = new Set(known.map(({ row }) => row.text.toLowerCase()));
  const rows = edits.map(({ name, edit }) => {
    const random = createRandom(7);
    const right = thresholds.map(() => 0);
    let wrong = 0;
    let exact = 0;
    let small = 0;
    for (const [place, { row }] of known.entries()) {
      const text = edit(row.text, random);
      const print = fingerprint(text);
      for (const [at, least] of thresholds.entries()) {
        const found = print === null ? null : leaders.find(print, least);
        if (found === place) right[at] = (right[at] ?? 0) + 1;
        else if (found !== null && least === leastResemblance) wrong += 1;
      }
      if (texts.has(text.toLowerCase())) exact += 1;
      if (nearestSmall(simHash(text), known) === place) small += 1;
    }
    const found = right.map((count) => percent(count, known.length));
    return [name, ...found, `${wrong}`, percent(exact, known.length), percent(small, known.length)];
  });
  console.log(`\n## Copies put with their original, % of ${known.length} ${split} texts\n`);
  const header = ['edit', ...thresholds.map((least) => `resemblance ${least}`)];
  console.log(markdownTable([...header, 'with another', 'lower-cased', 'SimHash'], rows));
}

/** Groups the split's own texts, all of them different, in the order of the corpus. */
function reportMerges(): void {
  const leaders = createLeaders();
  const merged: [Known, Known][] = [];
  for (const [place, one] of known.entries()) {
    const found = leaders.find(one.print);
    const other = found === null ? undefined : known[found];
    if (other === undefined) leaders.add(one.print, place);
    else merged.push([one, other]);
  }
  const small = known.flatMap((one, place) => {
    const found = nearestSmall(one.small, known.slice(0, place));
    return found === null ? [] : [[one, known[found]] as const];
  });
  const opposite = (pairs: readonly (readonly [Known, Known | undefined])[]) =>
    pairs.filter(([one, other]) => one.row.label !== other?.row.label).length;
  console.log(`\n## Texts of the ${split} authors put with another, of ${known.length}\n`);
  console.log(
    markdownTable(
      ['', 'all', 'with one of the other label'],
      [
        [`resemblance ${leastResemblance}`, `${merged.length}`, `${opposite(merged)}`],
        [`SimHash, ${mostBits} bits`, `${small.length}`, `${opposite(small)}`],
      ],
    ),
  );
  for (const [one, other] of merged.slice(0, samplesShown))
    console.log(
      `\n- ${one.row.label}: ${oneLine(one.row.text)}\n  ${other.row.label}: ${oneLine(other.row.text)}`,
    );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 160);
}

function reportSpeed(): void {
  const texts = corpus.train.flatMap(({ text }) => (text.length > 180 && text.length < 220 ? [text] : []));
  const ways: Record<string, (text: string) => unknown> = {
    fingerprint,
    SimHash: simHash,
    'lower-cased': (text) => text.toLowerCase(),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = 0; round < 9; round += 1)
    for (const [name, way] of Object.entries(ways)) {
      const start = performance.now();
      for (const text of texts) way(text);
      times.get(name)?.push((1000 * (performance.now() - start)) / texts.length);
    }
  console.log(`\n## Microseconds a text of 200 units, ${texts.length} texts\n`);
  const cells = [...times].map(([name, list]) => [
    name,
    median(list).toFixed(1),
    Math.max(...list).toFixed(1),
  ]);
  console.log(markdownTable(['', 'median of 9 rounds', 'worst'], cells));
}

async function reportTable(sizes: readonly number[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'saring-duplicates-'));
  const store = await openStore(
    values.database === undefined
      ? { engine: 'embedded', folder }
      : { engine: 'postgres', url: values.database, poolSize: 2 },
  );
  console.log(`\n## Microseconds a listing, in chunks of 200 (${store.engine})\n`);
  const header = ['groups', 'the same text again', 'one word more', 'new texts', 'bytes a group'];
  try {
    const rows: string[][] = [];
    const makeText = createTextMaker(
      corpus.train.map(({ text }) => text),
      createRandom(5),
    );
    for await (const figures of measureTable(store.db, makeText, sizes))
      rows.push(Object.values(figures).map((figure) => figure.toFixed(0)));
    console.log(markdownTable(header, rows));
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

reportEdits();
reportMerges();
reportSpeed();
if (values.groups !== '') await reportTable(values.groups.split(',').map(Number));
