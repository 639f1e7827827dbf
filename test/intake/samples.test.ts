import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type IntakeRow, readListings } from '../../src/intake/read-listings.ts';

const now = new Date('2026-11-24T00:00:00Z');
const samples = {
  'own.ndjson': 10,
  'own-semicolon.csv': 10,
  'instagram-instaloader.ndjson': 8,
  'instagram-apify.json': 9,
  'tiktok-apify.json': 9,
  'tiktok-item.ndjson': 6,
  'facebook-apify.json': 9,
  'facebook-scraper.csv': 8,
  'facebook-marketplace.json': 6,
  'shopee-items.json': 9,
  'tokopedia-products.ndjson': 8,
  'x-tweet-harvest.csv': 9,
  'google-serpapi.json': 6,
  'google-results.csv': 5,
};

async function readSample(name: string): Promise<IntakeRow[]> {
  const file = join(import.meta.dirname, '../../data/samples', name);
  return await Array.fromAsync(readListings(createReadStream(file), { now }));
}

function first(rows: readonly IntakeRow[]) {
  const [row] = rows;
  if (row === undefined || !('listing' in row)) throw new Error('the first row is no listing');
  return row;
}

test.each(Object.entries(samples))('reads every listing of %s', async (name, count) => {
  const rows = await readSample(name);
  expect(rows.filter((row) => 'problem' in row)).toEqual([]);
  expect(rows).toHaveLength(count);
});

test('no two samples are the same post, and each is known by platform and post id', async () => {
  const all = (await Promise.all(Object.keys(samples).map(readSample))).flat();
  const posts = all.flatMap((row) =>
    'listing' in row ? [`${row.listing.platform} ${row.listing.postId}`] : [],
  );
  expect(posts.filter((post) => post.endsWith('undefined'))).toEqual([]);
  expect(new Set(posts).size).toBe(112);
});

test('each format’s fields land where they belong', async () => {
  expect(first(await readSample('instagram-instaloader.ndjson'))).toMatchObject({
    line: 1,
    id: 'CA1insta',
    listing: {
      platform: 'instagram',
      seller: 'thrift.senja.contoh',
      url: 'https://www.instagram.com/p/CA1insta/',
      imageUrls: ['https://images.example.com/ig/CA1insta.jpg'],
      postedAt: '2025-11-01T12:26:40.000Z',
    },
  });
  expect(first(await readSample('tiktok-apify.json')).listing).toMatchObject({
    platform: 'tiktok',
    postId: '7400000000000000001',
    seller: 'rb_queen',
    imageUrls: ['https://images.example.com/tt/7400000000000000001.jpg'],
  });
  expect(first(await readSample('facebook-scraper.csv')).listing).toMatchObject({
    seller: 'Obral Karungan Tegal',
    imageUrls: ['https://images.example.com/fs/0.jpg'],
    postedAt: '2026-06-01T01:30:00.000Z',
  });
  expect(first(await readSample('facebook-marketplace.json')).listing.text).toBe(
    'Jaket parka second import\n\nParka army ex Jerman, bal pilihan, ukuran M. Kondisi 85%.',
  );
  expect(first(await readSample('shopee-items.json')).listing).toMatchObject({
    platform: 'shopee',
    postId: '21000001',
    url: 'https://shopee.co.id/product/880000/21000001',
    imageUrls: ['https://down-id.img.susercontent.com/file/sample0hash'],
  });
  expect(first(await readSample('x-tweet-harvest.csv')).listing).toMatchObject({
    platform: 'x',
    url: 'https://x.com/wts_thrift/status/188000',
    postedAt: '2025-11-01T10:20:30.000Z',
  });
  expect(first(await readSample('google-serpapi.json')).listing).toMatchObject({
    platform: 'google',
    postId: 'https://baljaya.example.com/halaman-0',
  });
  expect(first(await readSample('own-semicolon.csv'))).toMatchObject({
    line: 2,
    id: 'csv-01',
    listing: { platform: 'instagram', seller: 'cakar_mks' },
  });
});
