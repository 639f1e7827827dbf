import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { runSaring, startDemo, startServiceProcess } from './service-process.ts';

const samples = join(import.meta.dirname, '../../data/samples');

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saring-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('scores standard input row by row: bad rows by line on standard error, results on standard output', async () => {
  const input =
    '{"id":"a","text":"bal import segel","label":"offer","slice":"bale"}\n{"text":\n{"text":"soto ayam"}\n';
  const { code, out, err } = await runSaring(['score'], { input });
  expect(code).toBe(0);
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ id, line }) => [id, line])).toEqual([
    ['a', 1],
    [3, 3],
  ]);
  expect(Object.keys(rows[0])).toEqual([
    'file',
    'line',
    'id',
    'probability',
    'verdict',
    'clothing',
    'used',
    'imported',
    'offered',
    'bulk',
    'modelVersion',
    'policyVersion',
  ]);
  expect(err).toContain('-:2: the record is not valid JSON');
  expect(err).toMatch(/2 scored: \d+ flagged, \d+ to watch, \d+ clear; 1 bad/);
});

test('writes CSV that no spreadsheet runs, whole or not at all', async () => {
  const out = join(emptyFolder(), 'results.csv');
  const { code } = await runSaring(['score', '--out', out, '-'], {
    input: 'id,text\n"=cmd|calc",bal import\n',
  });
  expect(code).toBe(0);
  const [header, row] = readFileSync(out, 'utf8').trim().split('\n');
  expect(header).toMatch(/^file,line,id,probability,verdict,clothing/);
  expect(row).toContain(",'=cmd|calc,");
  expect(existsSync(`${out}.part`)).toBe(false);
  const failed = await runSaring([
    'score',
    '--out',
    out.replace('results', 'none'),
    join(samples, 'no-such-file'),
  ]);
  expect(failed).toMatchObject({ code: 1, err: expect.stringContaining('cannot be read') });
  expect(existsSync(out.replace('results', 'none'))).toBe(false);
});

test('scores all samples of all formats in one call', async () => {
  const names = [
    'own.ndjson',
    'own-semicolon.csv',
    'shopee-items.json',
    'google-serpapi.json',
    'x-tweet-harvest.csv',
  ];
  const { code, out, err } = await runSaring(['score', ...names.map((name) => join(samples, name))]);
  expect([code, out.trim().split('\n').length]).toEqual([0, 44]);
  expect(err).toContain('0 bad');
});

test('scores a gzip as the file within it', async () => {
  const file = join(emptyFolder(), 'own.ndjson.gz');
  writeFileSync(file, gzipSync(readFileSync(join(samples, 'own.ndjson'))));
  const packed = await runSaring(['score', file]);
  const plain = await runSaring(['score', join(samples, 'own.ndjson')]);
  expect(packed.code).toBe(0);
  expect(packed.out.replaceAll(file, '')).toBe(plain.out.replaceAll(join(samples, 'own.ndjson'), ''));
  writeFileSync(file, readFileSync(file).subarray(0, 200));
  expect(await runSaring(['score', file])).toMatchObject({
    code: 1,
    err: expect.stringContaining('saring: the gzip is damaged or ends too early'),
  });
});

test('several threads give the same results in the same order as one, and their errors are plain, too', async () => {
  const folder = emptyFolder();
  const file = join(folder, 'many.ndjson');
  const lines = Array.from({ length: 5_000 }, (_, n) =>
    JSON.stringify({ id: n, text: `bal segel ${n} pcs` }),
  );
  writeFileSync(file, `${lines.join('\n')}\nno json\n`);
  const results = await Promise.all(
    ['1', '3'].map(async (threads) => {
      const out = join(folder, `${threads}.csv`);
      const { code, err } = await runSaring(['score', file, '--out', out, '--threads', threads]);
      expect([code, err]).toEqual([0, expect.stringContaining('5000 scored')]);
      expect(err).toContain(`${file}:5001: the record is not valid JSON`);
      return readFileSync(out, 'utf8');
    }),
  );
  expect(results[0]?.split('\n')).toHaveLength(5_002);
  expect(results[0] === results[1]).toBe(true);
  const models = join(folder, 'models');
  cpSync(join(samples, '../../models'), models, { recursive: true });
  const [version = ''] = readdirSync(models).filter((name) => name.startsWith('bag-'));
  writeFileSync(join(models, version, 'weights.bin'), 'short');
  const broken = await runSaring(['score', file, '--threads', '2'], {
    env: { SARING_MODELS: models, SARING_MODEL: version },
  });
  expect(broken.code).toBe(1);
  expect(broken.err).toMatch(/^saring: .*weights\.bin does not have the tensors .*\n$/);
}, 30_000);

test('wrong use and wrong configuration end with one line that says what to do', async () => {
  expect(await runSaring(['score', '--format', 'xml'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('Allowed choices are ndjson, csv'),
  });
  expect(await runSaring(['nonsense'])).toMatchObject({ code: 2 });
  for (const threads of ['0', '1000', 'two'])
    expect(await runSaring(['score', '--threads', threads])).toMatchObject({ code: 2 });
  const wrong = await runSaring(['serve'], {
    env: { PORT: 'eighty', TFJS_BACKEND: 'gpu', DATABASE_URL: 'mysql://x' },
  });
  expect(wrong.code).toBe(1);
  expect(wrong.err.trim().split('\n')).toHaveLength(1);
  for (const part of [
    'PORT must be a whole number from 0 to 65535',
    'TFJS_BACKEND must be one of: auto, native, wasm, js',
    'DATABASE_URL must be an address that begins with postgres://',
  ]) {
    expect(wrong.err).toContain(part);
  }
});

test.each([
  '',
  'serve',
  'work',
  'score',
  'batch submit',
  'backup',
  'restore',
  'reviews',
  'train',
  'evaluate',
  'lexicon check',
  'keys',
  'keys create',
  'demo',
])('saring %s --help', async (command) => {
  const { code, out } = await runSaring([...command.split(' ').filter(Boolean), '--help']);
  expect(code).toBe(0);
  expect(out).toContain('Usage: saring');
});

test('a first start prints an admin key once; keys and reviews are asked of the service that holds the folder', async () => {
  const folder = emptyFolder();
  const service = await startServiceProcess({ SARING_DATA: folder });
  const env = { SARING_DATA: folder, SARING_URL: service.address, SARING_KEY: service.firstKey ?? '' };
  const created = await runSaring(['keys', 'create', '--name', 'rina', '--role', 'reviewer'], { env });
  expect(created).toMatchObject({ code: 0, out: expect.stringMatching(/^saring_/) });
  expect((await runSaring(['keys', 'list'], { env })).out).toMatch(/rina\s+reviewer/);
  expect((await runSaring(['reviews'], { env })).out).toContain('The queue is empty.');
  const locked = await runSaring(['keys', 'list'], { env: { SARING_DATA: folder } });
  expect(locked).toMatchObject({ code: 1, err: expect.stringContaining('is used by process') });
  expect(await service.stop()).toBe(0);
  expect((await runSaring(['keys', 'list'], { env: { SARING_DATA: folder } })).out).toMatch(
    /first admin\s+admin/,
  );
}, 60_000);

test('demo imports every sample, shows what is flagged and why, and keeps serving with the queue filled', async () => {
  const demo = await startDemo({ SARING_DATA: emptyFolder() });
  expect(demo.output()).toMatch(/probability\s+platform\s+seller\s+text\s+why/);
  const [, all, flagged] = /(\d+) listings: (\d+) flagged/.exec(demo.output()) ?? [];
  expect(Number(all)).toBe(112);
  const answer = await fetch(`${demo.address}/v1/reviews/stats`, {
    headers: { authorization: `Bearer ${demo.firstKey}` },
  });
  expect(await answer.json()).toMatchObject({ waiting: Number(flagged) });
  expect(Number(flagged)).toBeGreaterThan(20);
  expect(await demo.stop()).toBe(0);
}, 60_000);

test('evaluate measures a stranger’s labelled file', async () => {
  const folder = emptyFolder();
  const file = join(folder, 'stranger.ndjson');
  const rows = [
    { id: '1', text: 'bal segel ex korea ready', label: 'offer' },
    { id: '2', text: 'soto ayam <b>', label: 'offer', slice: 'food' },
  ];
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  const report = join(folder, 'report.html');
  const { code, out } = await runSaring(['evaluate', file, '--report', report, '--evasion']);
  expect(code).toBe(0);
  expect(out).toMatch(/\| leet \| \d/);
  expect(readFileSync(report, 'utf8')).toContain('soto ayam &lt;b&gt;');
  expect(out).toMatch(/\| all \| \d+ \| \d+ \|/);
});
