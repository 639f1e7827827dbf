import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../../src/domain/app-error.ts';
import { type IntakeRow, readListings } from '../../src/intake/read-listings.ts';

const now = new Date('2026-11-24T00:00:00Z');

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += size) yield bytes.subarray(from, from + size);
}

async function read(
  input: string | Uint8Array,
  options: { size?: number; maxRowBytes?: number } = {},
): Promise<IntakeRow[]> {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  const { size = 64 * 1024, ...rest } = options;
  return await Array.fromAsync(readListings(pieces(bytes, size), { now, ...rest }));
}

/** Rows as short notes: the text of a listing, or line and problem. */
function notes(rows: readonly IntakeRow[]): string[] {
  return rows.map((row) =>
    'listing' in row ? `${row.line} ${row.listing.text}` : `${row.line}! ${row.problem}`,
  );
}

test('a bad line of NDJSON is named and the others are read', async () => {
  const lines = [
    '{"text":"satu"}',
    '{"text":',
    '{"text":"  "}',
    '[1]',
    '',
    '{"text":"dua","imageUrls":["https://a.example/1","javascript:alert(1)"]}',
    '{"text":"tiga"}',
  ];
  expect(notes(await read(lines.join('\n')))).toEqual([
    '1 satu',
    '2! the record is not valid JSON',
    '3! text must not be empty; send the caption, title or description',
    '4! the record must be a JSON object with a field "text"',
    '6! imageUrls[1] must be an http:// or https:// address',
    '7 tiga',
  ]);
});

test('a file that begins with records of no known format is read from the first known one on', async () => {
  expect(notes(await read('{"judul":"x"}\n{"text":"dua"}\n{"judul":"y"}\n'))).toEqual([
    '1! text must not be empty; send the caption, title or description',
    '2 dua',
    '3! text must not be empty; send the caption, title or description',
  ]);
});

test('files of several scrapers put together are read record by record', async () => {
  const rows = await read(
    [
      { text: 'kami', platform: 'Twitter', id: '7' },
      { shortCode: 'S1', ownerUsername: 'toko', caption: 'ig' },
      { full_text: 'kicau', id_str: '9' },
      { text: 'lain', platform: 'olx', postId: 'p' },
    ]
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
  const posts = rows.map((row) =>
    'listing' in row ? [row.listing.platform, row.id, row.listing.postId] : row,
  );
  expect(posts).toEqual([
    // A row's number is no post id: two files may both begin with 1.
    ['x', '7', undefined],
    ['instagram', 'S1', 'S1'],
    ['x', '9', '9'],
    ['other', 'p', 'p'],
  ]);
});

test('cuts at any byte change nothing', async () => {
  const ndjson = '{"text":"é 👕 二手\\n\\"x\\""}\n{"text":"dua"}';
  const array = '[ {"text":"é ] } 👕"} , {"text":"{\\\\\\""},\n 7, "x", {"text":"tiga"} ]';
  const csv = '\ufeffid;text\r\n1;"é 👕; ""kutip""\nbaris dua"\r\n2;dua\r\n';
  for (const input of [ndjson, array, csv]) {
    expect(notes(await read(input, { size: 1 }))).toEqual(notes(await read(input)));
  }
  expect(notes(await read(array))).toEqual(['1 é ] } 👕', '2 {\\"', '3 tiga']);
  expect(notes(await read(csv, { size: 1 }))).toEqual(['2 é 👕; "kutip"\nbaris dua', '4 dua']);
});

test('a CSV quote never closed costs what stands after it, and its line is named', async () => {
  expect(notes(await read('id,text\n1,satu\n2,"dua\n3,tiga\n'))).toEqual([
    '2 satu',
    '3! a quote opened here is never closed; nothing after it could be read',
  ]);
});

test('rows with too few or too many columns, and bytes that are no UTF-8, are named', async () => {
  const rows = Buffer.concat([
    Buffer.from('id,text\n1\n2,dua,lebih\n3,'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('\n4,empat\n'),
  ]);
  expect(notes(await read(rows))).toEqual([
    '2! the row has 1 columns and the header 2; check its quotes and separators',
    '3! the row has 3 columns and the header 2; check its quotes and separators',
    '4! the row is not valid UTF-8; save the file as UTF-8',
    '5 empat',
  ]);
});

test('columns named anew in the middle of a CSV are read by their new names, and rows of neither are named', async () => {
  const csv =
    'id,text,url\n1,satu,\ntext,harga,id,url\ndua,9000,2,\n3,tiga,\nurl,text,id\n,empat,4\nid,text,id\n';
  expect(notes(await read(csv))).toEqual([
    '2 satu',
    '4 dua',
    '5! the row has 3 columns and the header 4; check its quotes and separators',
    '7 empat',
    // Names that stand twice are no header.
    '8! url must be an http:// or https:// address',
  ]);
});

test('a record over the bound is named and the next one is read', async () => {
  const long = `{"text":"${'x'.repeat(5_000)}"}`;
  for (const input of [`${long}\n{"text":"dua"}`, `[${long},{"text":"dua"}]`]) {
    expect(notes(await read(input, { size: 100, maxRowBytes: 1_000 }))).toEqual([
      '1! the record has more than 1000 bytes; shorten its text',
      '2 dua',
    ]);
  }
});

test('a CSV record over the bound is left out, whatever is in it, and the rows after it keep their lines', async () => {
  const long = `"${'x, ""kutip""\n'.repeat(400)}"`;
  for (const lineEnd of ['\n', '\r\n', '\r']) {
    const rows = [
      'id,text',
      '1,satu',
      `2,${long}`,
      '3,tiga',
      `4,${'x'.repeat(5_000)}`,
      '5,"5"" inci"',
      '6,5" inci',
    ];
    const input = rows.join(lineEnd);
    const lines = lineEnd === '\r' ? [4, 5, 6, 7] : [404, 405, 406, 407];
    for (const size of [1, 7, 100, 100_000]) {
      expect(notes(await read(input, { size, maxRowBytes: 1_000 }))).toEqual([
        '2 satu',
        '3! the record has more than 1000 bytes; shorten its text',
        `${lines[0]} tiga`,
        `${lines[1]}! the record has more than 1000 bytes; shorten its text`,
        `${lines[2]} 5" inci`,
        `${lines[3]} 5" inci`,
      ]);
    }
  }
});

test('a quote that is never closed ends the file, however long the rest is', async () => {
  for (const rest of [10, 400]) {
    const input = `id,text\n1,satu\n2,"${'dua\n'.repeat(rest)}`;
    const [first, second, ...others] = notes(await read(input, { size: 50, maxRowBytes: 1_000 }));
    expect([first, others]).toEqual(['2 satu', []]);
    expect(second).toMatch(/^3! .*quote.*nothing after it could be read$/);
  }
});

test('JSON nested a hundred thousand deep is one problem', async () => {
  const deep = `{"text":"a","b":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const rows = await read(`[${deep},{"text":"dua"}]`);
  expect(rows).toHaveLength(2);
  expect(notes(rows)[1]).toBe('2 dua');
});

test('a JSON array that is cut off gives what came before, and says so', async () => {
  expect(notes(await read('[{"text":"satu"},{"text":"du'))).toEqual([
    '1 satu',
    '2! the file ends in the middle of this record; it was cut off',
  ]);
});

test('what is not text, or not known, is refused with the formats that are', async () => {
  await expect(read(Buffer.from([0x1f, 0x8b, 8, 0]))).rejects.toMatchObject({
    code: 'INPUT_COMPRESSED',
    status: 415,
  });
  await expect(read(Buffer.from('\ufefftext\nx', 'utf16le'))).rejects.toMatchObject({
    code: 'FORMAT_UNKNOWN',
  });
  await expect(read('PK\u0003\u0004')).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
  const unknown = read('{"judul":"x"}');
  await expect(unknown).rejects.toMatchObject({
    code: 'FORMAT_UNKNOWN',
    message: expect.stringContaining('Instaloader'),
  });
  expect(await read('')).toEqual([]);
});

test('hostile records get a clear answer: future dates, credentials in addresses, NUL, ten thousand pictures', async () => {
  const rows = await read(
    [
      { text: 'a', postedAt: '2027-01-01T00:00:00Z' },
      { text: 'a', url: 'https://user:pass@example.com/' },
      { text: 'a\u0000b\ud800c' },
      { text: 'a', imageUrls: Array.from({ length: 10_000 }, (_, n) => `https://a.example/${n}`) },
      { text: 'a'.repeat(100_001) },
      { text: 'a', url: 'file:///etc/passwd' },
    ]
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
  expect(notes(rows.slice(0, 3))).toEqual([
    '1! postedAt lies in the future; check the date and its time zone',
    '2! url must not carry a user name or password',
    '3 a\ufffdb\ufffdc',
  ]);
  expect(rows[3]).toMatchObject({ listing: { imageUrls: { length: 50 } } });
  expect(notes(rows)[4]).toMatch(/^5! text must have at most 100000 UTF-16 code units/);
  expect(notes(rows)[5]).toMatch(/^6! url must be an http/);
});

test('no bytes at all make it crash or hang', async () => {
  const start = fc.constantFrom('', '{', '[', '{"text":"a"}', 'text,id\n', '"', '[{"text":"a"},');
  await fc.assert(
    fc.asyncProperty(
      start,
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      async (head, tail, size) => {
        try {
          await read(Buffer.concat([Buffer.from(head), tail]), { size, maxRowBytes: 100 });
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});

test.each(['ndjson', 'array', 'csv'])(
  'a file of any size needs the memory of a small one (%s)',
  async (kind) => {
    const row = { text: `jaket second ${'x'.repeat(900)}`, id: 'n' };
    const line =
      kind === 'csv' ? `${row.id},${row.text}\n` : `${JSON.stringify(row)}${kind === 'array' ? ',' : '\n'}`;
    const block = Buffer.from(line.repeat(64));
    async function* source(): AsyncGenerator<Uint8Array> {
      if (kind === 'array') yield Buffer.from('[');
      if (kind === 'csv') yield Buffer.from('id,text\n');
      for (let n = 0; n < 800; n += 1) yield block;
      if (kind === 'array') yield Buffer.from(`${JSON.stringify(row)}]`);
    }
    let count = 0;
    let early = 0;
    let most = 0;
    for await (const each of readListings(source(), { now })) {
      if ('listing' in each) count += 1;
      if (count % 5_000 !== 0) continue;
      const { rss } = process.memoryUsage();
      if (count <= 10_000) early = Math.max(early, rss);
      most = Math.max(most, rss);
    }
    expect(count).toBe(kind === 'array' ? 51_201 : 51_200);
    // 50 MB went through; 150 MB is what the garbage collector may leave lying.
    expect(most - early).toBeLessThan(150 * 1024 * 1024);
  },
  60_000,
);
