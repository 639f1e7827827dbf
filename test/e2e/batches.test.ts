import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startReceiver, verify } from '../outbound/receiver.ts';
import { runSaring, type ServiceProcess, startServiceProcess } from './service-process.ts';

const count = 3_000;
let folder: string;
let service: ServiceProcess;
let env: Record<string, string>;
const receiver = await startReceiver();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'saring-batch-'));
  service = await startServiceProcess({
    SARING_DATA: join(folder, 'data'),
    PICTURES: 'off',
    WEBHOOK_ALLOWED: `127.0.0.1:${receiver.port}`,
  });
  env = { SARING_URL: service.address, SARING_KEY: service.firstKey ?? '' };
});
afterAll(async () => {
  await service.stop();
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

function listings(from: number): string {
  return Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ id: `r${from + n}`, text: `bal segel import ${from + n}` })}\n`,
  ).join('');
}

test('a file is submitted, watched until it is scored, and its results fetched whole', async () => {
  const file = join(folder, 'night.ndjson.gz');
  writeFileSync(file, gzipSync(`${listings(0)}no json\n`));
  const sent = await runSaring(['batch', 'submit', file, '--name', 'malam', '--watch'], { env });
  expect(sent).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^[\da-f-]{36}\n$/),
    err: expect.stringMatching(/^received: 3001 rows, 3000 scored, \d+ flagged, 1 bad, 0 given up\n$/),
  });
  const id = sent.out.trim();
  expect(await runSaring(['batch', 'watch', id], { env })).toMatchObject({ code: 0, err: sent.err });
  const out = join(folder, 'results.csv');
  expect(await runSaring(['batch', 'results', id, '--out', out], { env })).toMatchObject({
    code: 0,
    err: '',
  });
  expect(readFileSync(out, 'utf8').trim().split('\n')).toHaveLength(count + 2);
  expect(existsSync(`${out}.part`)).toBe(false);
  const lines = (await runSaring(['batch', 'results', id], { env })).out.trim().split('\n');
  expect(lines).toHaveLength(count + 1);
  expect(JSON.parse(lines[count] ?? '')).toMatchObject({ line: count + 1, problem: expect.any(String) });
  expect((await runSaring(['batch', 'submit', file], { env })).out).toBe(sent.out);
}, 60_000);

test('the same command goes on where an upload was cut', async () => {
  const file = join(folder, 'cut.ndjson');
  const body = listings(10_000);
  writeFileSync(file, body);
  const part = await fetch(`${service.address}/v1/batches`, {
    method: 'POST',
    body: gzipSync(body).subarray(0, 10_000),
    headers: {
      authorization: `Bearer ${service.firstKey}`,
      'content-type': 'application/octet-stream',
      'idempotency-key': `sha256-${createHash('sha256').update(body).digest('hex')}`,
    },
  });
  const problem = await part.text();
  expect(part.status).toBe(422);
  const sent = await runSaring(['batch', 'submit', file, '--watch'], { env });
  expect(sent.err).toMatch(/^received: 3000 rows, 3000 scored/);
  expect(problem).toContain(sent.out.trim());
}, 60_000);

test('an address is told of the end, and its secret is to be had before', async () => {
  const file = join(folder, 'told.ndjson');
  writeFileSync(file, listings(20_000));
  const url = receiver.at('/end');
  const secret = (await runSaring(['batch', 'secret', url], { env })).out.trim();
  const sent = await runSaring(['batch', 'submit', file, '--webhook', url, '--watch'], { env });
  expect(sent).toMatchObject({ code: 0 });
  const message = await vi.waitFor(() => {
    const [first] = receiver.received;
    if (first === undefined) throw new Error('nothing came yet');
    return first;
  }, 10_000);
  expect(verify(message, secret)).toMatchObject({
    type: 'batch.done',
    data: { id: sent.out.trim(), name: 'told.ndjson', rows: { scored: count } },
  });
}, 60_000);

test('batches are listed, the newest first, and can be cancelled and taken up again', async () => {
  const file = join(folder, 'short.ndjson');
  writeFileSync(file, '{"text":"bal"}\n');
  const id = (
    await runSaring(['batch', 'submit', file, '--name', 'a\u001b[31mred', '--watch'], { env })
  ).out.trim();
  const listed = await runSaring(['batch', 'list', '--limit', '1'], { env });
  expect(listed.out.trim().split('\n')).toEqual([
    expect.stringMatching(/^id +begun +state +rows +scored +flagged +bad +given up +name$/),
    expect.stringMatching(
      new RegExp(`^${id}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  done +1 +1 +[01] +0 +0 +a \\[31mred$`),
    ),
    '… and older ones',
  ]);
  const retried = await runSaring(['batch', 'retry', id], { env });
  expect(retried).toMatchObject({ code: 0, err: expect.stringMatching(/^received: 1 rows, 1 scored/) });
  expect(await runSaring(['batch', 'cancel', id], { env })).toMatchObject({ code: 0, err: retried.err });
  expect((await runSaring(['batch', 'list', '--state', 'cancelled'], { env })).out).not.toContain(id);
  expect(await runSaring(['batch', 'list', '--limit', '0'], { env })).toMatchObject({ code: 2 });
}, 60_000);

test('what cannot be done ends with one plain line', async () => {
  const unknown = crypto.randomUUID();
  const address = { SARING_URL: 'http://127.0.0.1:1', SARING_KEY: 'saring_x' };
  const file = join(folder, 'x.csv');
  writeFileSync(file, 'judul\nx\n');
  const cases: [string[], Record<string, string>, string][] = [
    [['submit', file], {}, 'name a running service'],
    [['submit', join(folder, 'none')], env, 'cannot be read'],
    [['submit', file], env, 'no known format has the fields judul'],
    [['submit', file], address, 'does not answer'],
    [['watch', unknown], env, `there is no batch ${unknown}`],
    [['cancel', unknown], env, `there is no batch ${unknown}`],
    [['retry', unknown], env, `there is no batch ${unknown}`],
    [['submit', file, '--webhook', 'http://10.0.0.1/'], env, 'webhook must be an address that may be asked'],
    [['secret', 'ftp://example.com'], env, 'url must be an address that may be asked'],
    [['results', 'x/y'], env, 'must be the id of a batch'],
    [['results', unknown, '--out', join(folder, 'none.csv')], address, 'does not answer'],
  ];
  for (const [args, environment, words] of cases) {
    const { code, out, err } = await runSaring(['batch', ...args], { env: environment });
    expect([code, out, err.trim().split('\n').length]).toEqual([1, '', 1]);
    expect(err).toContain(words);
  }
  expect(existsSync(join(folder, 'none.csv'))).toBe(false);
}, 60_000);
