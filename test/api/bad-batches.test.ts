import { request } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type StartedApi, startEmbedded } from './start-api.ts';

const mebibyte = 1024 * 1024;

let started: StartedApi;
let address: string;
beforeAll(async () => {
  started = await startEmbedded({ BATCH_LIMIT_MIB: '128', PICTURES: 'off' });
  address = await started.api.api.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await started.api.close();
  await started.remove();
});

const headers = () => ({ authorization: `Bearer ${started.api.secrets.batch}`, 'content-type': 'a/b' });

/** Uploads pieces through a real connection, and waits until what came of them is scored. */
async function uploadAndScore(pieces: Iterable<string | Buffer>) {
  const answer = await fetch(`${address}/v1/batches`, {
    method: 'POST',
    body: Readable.toWeb(Readable.from(Array.from(pieces, (piece) => Buffer.from(piece)))),
    duplex: 'half',
    headers: headers(),
  } as RequestInit); // whose types do not know duplex everywhere
  const { id } = (await answer.json()) as { id: string }; // a batch, or the next line fails
  expect(answer.status).toBe(202);
  const batch = await vi.waitFor(async () => {
    const now = (await started.api.ask('batch', 'GET', `/v1/batches/${id}`)).json();
    expect(now.done).toBe(true);
    return now;
  }, 30_000);
  const results = (await started.api.ask('batch', 'GET', `/v1/batches/${id}/results`)).body;
  return {
    batch,
    results: results
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

test('rows of 20 MB, bytes that are no UTF-8 and broken JSON are listed by line, and the good rows are scored', async () => {
  const piece = Buffer.alloc(mebibyte, 'a');
  function* file(): Generator<string | Buffer> {
    yield '{"id":"a","text":"bal segel"}\n{"id":"long","text":"';
    for (let n = 0; n < 20; n += 1) yield piece;
    yield '"}\n{"id":"b","text":"bal kedua"}\n{"id":"latin","text":"jok';
    yield Buffer.from([0xe9]);
    yield '"}\n{"id":"cut","text":\n{"id":"c","text":"bal ketiga"}\n';
  }
  const { batch, results } = await uploadAndScore(file());
  expect(batch.rows).toMatchObject({ read: 6, scored: 3, bad: 3, failed: 0 });
  expect(batch.problems).toEqual([
    { line: 2, id: null, problem: 'the record has more than 1048576 bytes; shorten its text' },
    { line: 4, id: null, problem: 'the record is not valid UTF-8; save the file as UTF-8' },
    { line: 5, id: null, problem: 'the record is not valid JSON' },
  ]);
  expect(results.map(({ line, id }) => `${line} ${id}`)).toEqual([
    '1 a',
    '2 null',
    '3 b',
    '4 null',
    '5 null',
    '6 c',
  ]);
});

test('a CSV cell of 20 MB is listed by line, and the rows around it are scored', async () => {
  const piece = Buffer.alloc(mebibyte, 'baris\n');
  function* file(): Generator<string | Buffer> {
    yield 'id,text\na,bal segel\nlong,"';
    for (let n = 0; n < 20; n += 1) yield piece;
    yield '"\nb,bal kedua\n';
  }
  const { batch, results } = await uploadAndScore(file());
  expect(batch.rows).toMatchObject({ read: 3, scored: 2, bad: 1, failed: 0 });
  expect(batch.problems).toEqual([
    { line: 3, id: null, problem: 'the record has more than 1048576 bytes; shorten its text' },
  ]);
  expect(results.map(({ id }) => id)).toEqual(['a', null, 'b']);
});

test('a CSV whose header changes midway is read by its new header, and a row that fits neither is listed', async () => {
  const csv = 'id,text\na,bal segel\nb,bal,kedua\ntext,harga,id\nbal ketiga,1,c\n';
  const { batch, results } = await uploadAndScore([csv]);
  expect(batch.problems).toMatchObject([
    { line: 3, problem: expect.stringContaining('3 columns and the header 2') },
  ]);
  expect(results.map(({ id, verdict }) => [id, typeof verdict])).toEqual([
    ['a', 'string'],
    [null, 'undefined'],
    ['c', 'string'],
  ]);
});

test('the same post again and again in one batch is one listing with a revision for each new text, and every row has its result', async () => {
  const texts = ['bal segel', 'bal segel', 'soto ayam', 'jaket second import'];
  const rows = texts.map((text) => `${JSON.stringify({ platform: 'x', postId: 'same', text })}\n`);
  const { batch, results } = await uploadAndScore(rows);
  expect(batch.rows).toMatchObject({ read: 4, scored: 4, bad: 0 });
  expect(results.map(({ line, problem }) => [line, problem])).toEqual(
    [1, 2, 3, 4].map((line) => [line, undefined]),
  );
  expect(new Set(results.map(({ listingId }) => listingId)).size).toBe(1);
  const listing = (await started.api.ask('analyst', 'GET', `/v1/listings/${results[0].listingId}`)).json();
  expect(listing).toMatchObject({ text: texts.at(-1), revision: 3 });
});

test('what is of no known format is refused with the formats that are, and stores nothing', async () => {
  const before = (await started.api.ask('batch', 'GET', '/v1/batches')).json().batches;
  const bodies: [string | Buffer, string][] = [
    ['judul,harga\nx,1\n', 'no known format has the fields judul, harga'],
    ['PK\u0003\u0004 workbook', 'not text in UTF-8'],
    [Buffer.alloc(100), 'not text in UTF-8'],
    [Buffer.from('\uFEFF{"text":"bal"}', 'utf16le'), 'not text in UTF-8'],
  ];
  for (const [body, words] of bodies) {
    const answer = await fetch(`${address}/v1/batches`, { method: 'POST', body, headers: headers() });
    expect(await answer.json()).toMatchObject({
      status: 422,
      code: 'FORMAT_UNKNOWN',
      detail: expect.stringContaining(words),
    });
  }
  const after = (await started.api.ask('batch', 'GET', '/v1/batches')).json().batches;
  expect(after.map(({ rows }: { rows: object }) => rows)).toEqual(
    expect.arrayContaining(before.map(({ rows }: { rows: object }) => rows)),
  );
  for (const { rows } of after.slice(0, after.length - before.length)) expect(rows.read).toBe(0);
});

test('ten gigabytes that are promised are refused at once, before they are sent', async () => {
  const sending = request(`${address}/v1/batches`, {
    method: 'POST',
    headers: { ...headers(), 'content-length': String(10 * 1024 * mebibyte) },
  }).on('error', () => undefined);
  sending.write('{"text":"bal"}\n');
  const [status, body] = await new Promise<[number | undefined, string]>((resolve) => {
    sending.on('response', async (answer) => {
      let text = '';
      for await (const piece of answer) text += piece;
      resolve([answer.statusCode, text]);
    });
  });
  sending.destroy();
  expect([status, JSON.parse(body)]).toMatchObject([
    413,
    { code: 'BODY_TOO_LARGE', detail: expect.stringContaining(`at most ${128 * mebibyte} bytes`) },
  ]);
});

test('gzip that ends too early leaves what came before it, which is scored', async () => {
  const lines = Array.from(
    { length: 500 },
    (_, n) => `${JSON.stringify({ id: `g${n}`, text: `bal ${n} ${crypto.randomUUID()}` })}\n`,
  );
  const packed = gzipSync(lines.join(''));
  const answer = await fetch(`${address}/v1/batches`, {
    method: 'POST',
    body: packed.subarray(0, packed.byteLength - 2_000),
    headers: headers(),
  });
  const { detail } = (await answer.json()) as { detail: string }; // a problem, or the next line fails
  expect(answer.status).toBe(422);
  const [, rows = '', id = ''] = /first (\d+) rows are kept as batch ([\da-f-]{36})/.exec(detail) ?? [];
  expect(Number(rows)).toBeGreaterThan(400);
  await vi.waitFor(async () => {
    const batch = (await started.api.ask('batch', 'GET', `/v1/batches/${id}`)).json();
    expect(batch).toMatchObject({ state: 'cut', done: true, rows: { scored: Number(rows), bad: 0 } });
  }, 15_000);
});

test('batches are listed page by page, the newest first, and by the state of their upload', async () => {
  const all = (await started.api.ask('analyst', 'GET', '/v1/batches')).json();
  expect(all.nextCursor).toBeNull();
  const ids = all.batches.map(({ id }: { id: string }) => id);
  expect(ids.length).toBeGreaterThan(3);
  expect(ids).toEqual([...ids].sort().reverse());
  const paged: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = (await started.api.ask('batch', 'GET', `/v1/batches?limit=2${query}`)).json();
    expect(page.batches.length).toBeLessThanOrEqual(2);
    paged.push(...page.batches.map(({ id }: { id: string }) => id));
    cursor = page.nextCursor;
  }
  expect(paged).toEqual(ids);
  const cut = (await started.api.ask('batch', 'GET', '/v1/batches?state=cut')).json().batches;
  expect(cut.length).toBeGreaterThan(0);
  for (const { state } of cut) expect(state).toBe('cut');
  expect((await started.api.ask('batch', 'GET', '/v1/batches?state=lost')).json()).toMatchObject({
    status: 422,
    errors: [{ field: 'state' }],
  });
  expect((await started.api.ask('reviewer', 'GET', '/v1/batches')).statusCode).toBe(403);
});
