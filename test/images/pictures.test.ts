import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createRandom } from '../../src/classifier/random.ts';
import { startApi, type TestApi } from '../api/start-api.ts';
import { freshDatabase } from '../servers/postgres.ts';

let server: Server;
let origin: string;
let saring: TestApi;
const served = new Map<string, Buffer>();
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const bytes = served.get(request.url ?? '');
    if (bytes === undefined) response.writeHead(404).end('gone');
    else response.writeHead(200, { 'content-type': 'image/jpeg' }).end(bytes);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://${address()}`;
});

afterAll(() => void server.close());

function address(): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
}

async function embedded() {
  const folder = mkdtempSync(join(tmpdir(), 'saring-pictures-'));
  saring = await startApi({ SARING_DATA: folder, PICTURE_ALLOWED: address() });
  return async () => rmSync(folder, { recursive: true, force: true });
}

async function distributed() {
  const database = await freshDatabase(inject('databaseUrl'));
  const redis = new URL(inject('redisUrl'));
  redis.pathname = '/6';
  saring = await startApi({
    DATABASE_URL: database.url,
    REDIS_URL: redis.href,
    PICTURE_ALLOWED: address(),
  });
  return () => database.drop();
}

/** A picture with enough in it to be told apart, another one for each seed. */
async function aPicture(seed: number, quality = 90): Promise<Buffer> {
  const random = createRandom(seed);
  const upTo = (most: number) => Math.floor(random() * most);
  const shapes = Array.from(
    { length: 24 },
    () =>
      `<rect x="${upTo(480)}" y="${upTo(480)}" width="${40 + upTo(160)}" height="${30 + upTo(180)}" fill="hsl(${upTo(360)},70%,${15 + upTo(70)}%)"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512"><rect width="512" height="512" fill="#777"/>${shapes.join('')}</svg>`;
  return await sharp(Buffer.from(svg)).jpeg({ quality }).toBuffer();
}

/** A banner with words on it. */
async function aBanner(words: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="260"><rect width="900" height="260" fill="#fff"/><text x="40" y="150" font-family="DejaVu Sans" font-size="72" fill="#000">${words}</text></svg>`;
  return await sharp(Buffer.from(svg)).png().toBuffer();
}

async function submit(listing: object): Promise<{ id: string }> {
  const answer = await saring.ask('analyst', 'POST', '/v1/listings', listing);
  expect([200, 201], answer.body).toContain(answer.statusCode);
  return answer.json();
}

type Shown = {
  assessment: {
    probability: number;
    verdict: string;
    captures: (string | null)[];
    spans: { picture?: number; start: number; end: number }[];
    pictureMatches: {
      picture: number;
      distance: number;
      listings: number;
      confirmed: number;
      added: number;
    }[];
    reason: { id: string; en: string };
  };
  pictures: {
    url: string;
    state: string;
    problem: string | null;
    detail: string | null;
    capture: {
      sha256: string;
      text: string | null;
      textProblem: string | null;
      standing: string | null;
    } | null;
  }[];
};

async function show(id: string): Promise<Shown> {
  return (await saring.ask('analyst', 'GET', `/v1/listings/${id}`)).json();
}

/** The listing, once it is as it should become. */
async function become(id: string, done: (shown: Shown) => boolean, withinMs = 30_000): Promise<Shown> {
  for (const until = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const shown = await show(id);
    if (done(shown) || Date.now() > until) return shown;
  }
}

async function decide(listingId: string, outcome: 'confirmed' | 'dismissed'): Promise<void> {
  for (;;) {
    const { reviews } = (await saring.ask('reviewer', 'POST', '/v1/reviews/claim', { limit: 1 })).json();
    const [review] = reviews;
    expect(review).toBeDefined();
    const mine = review.listing.id === listingId;
    const url = `/v1/reviews/${review.id}/${mine ? 'decide' : 'skip'}`;
    const body = mine
      ? { outcome, elements: ['used', 'imported'], reason: 'bale in the picture', token: review.claim.token }
      : { token: review.claim.token };
    const answer = await saring.ask('reviewer', 'POST', url, body);
    expect(answer.statusCode, answer.body).toBeLessThan(300);
    if (mine) return;
  }
}

function filesIn(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}

async function postForm(form: FormData) {
  const encoded = new Response(form);
  return await saring.api.inject({
    method: 'POST',
    url: '/v1/listings',
    headers: {
      authorization: `Bearer ${saring.secrets.analyst}`,
      'content-type': encoded.headers.get('content-type') ?? '',
    },
    payload: Buffer.from(await encoded.arrayBuffer()),
  });
}

describe.each([
  ['embedded', embedded],
  ['PostgreSQL and Redis', distributed],
] as const)('pictures (%s)', (_name, start) => {
  let remove: () => Promise<void>;
  beforeAll(async () => {
    remove = await start();
  }, 60_000);
  afterAll(async () => {
    await saring.close();
    await remove();
  });

  test('a picture is fetched, frozen under its hash, and served anew; a dead one says why and nothing waits for it', async () => {
    const bytes = await aPicture(1);
    served.set('/a.jpg', bytes);
    const { id } = await submit({
      text: 'jaket baru grosir',
      imageUrls: [`${origin}/gone.jpg`, `${origin}/a.jpg`, 'http://169.254.169.254/latest/meta-data'],
    });
    const { pictures } = await become(id, (shown) =>
      shown.pictures.every(({ state }) => state !== 'waiting'),
    );
    expect(pictures.map(({ state, problem }) => [state, problem])).toEqual([
      ['failed', 'refused'],
      ['captured', null],
      ['failed', 'address-forbidden'],
    ]);
    expect(pictures[0]?.detail).toContain('404');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(pictures[1]?.capture?.sha256).toBe(sha256);
    expect(pictures[1]).toMatchObject({
      finalUrl: `${origin}/a.jpg`,
      status: 200,
      headers: { 'content-type': 'image/jpeg' },
    });

    const original = await saring.ask('analyst', 'GET', `/v1/captures/${sha256}/original`);
    expect(original.rawPayload.equals(bytes)).toBe(true);
    expect(original.headers).toMatchObject({
      'content-disposition': `attachment; filename="${sha256}.jpg"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
    });
    const thumbnail = await saring.ask('analyst', 'GET', `/v1/captures/${sha256}/thumbnail?side=64`);
    expect(thumbnail.headers['content-type']).toBe('image/webp');
    expect(await sharp(thumbnail.rawPayload).metadata()).toMatchObject({
      width: 64,
      height: 64,
      format: 'webp',
    });
    expect((await saring.ask(null, 'GET', `/v1/captures/${sha256}/original`)).statusCode).toBe(401);
  }, 60_000);

  test('the same bytes at many addresses are kept once', async () => {
    const bytes = await aPicture(2);
    for (const name of ['/b1.jpg', '/b2.jpg']) served.set(name, bytes);
    const captures = saring.services.config.pictures.captures;
    const copies = captures.kind === 'folder' ? captures.folder : '';
    const before = filesIn(copies);
    const one = await submit({ text: 'celana', imageUrls: [`${origin}/b1.jpg`, `${origin}/b2.jpg`] });
    const two = await submit({ text: 'kemeja', imageUrls: [`${origin}/b1.jpg`] });
    for (const { id } of [one, two])
      await become(id, ({ pictures }) => pictures.every(({ state }) => state === 'captured'));
    expect(filesIn(copies) - before).toBe(1);
  }, 60_000);

  test('text in a picture joins the score as its own source, and spans say in which picture it stands', async () => {
    served.set('/plain.jpg', await aPicture(3));
    served.set('/banner.png', await aBanner('BAL SEGEL IMPORT KOREA'));
    const { id } = await submit({
      text: 'ready kak, langsung chat ya',
      imageUrls: [`${origin}/plain.jpg`, `${origin}/banner.png`],
    });
    const first = await show(id);
    const after = await become(id, ({ assessment }) => assessment.spans.some(({ picture }) => picture === 2));
    expect(after.pictures[1]?.capture?.text?.toUpperCase()).toContain('SEGEL');
    expect(after.assessment.probability).toBeGreaterThan(first.assessment.probability);
    const inPicture = after.assessment.spans.filter(({ picture }) => picture === 2);
    expect(inPicture.length).toBeGreaterThan(0);
    expect(after.assessment.reason.id).toContain('pada gambar 2');
    expect(after.assessment.reason.en).toContain('in picture 2');
  }, 60_000);

  test('a picture of a confirmed offer raises listings that show it again, in the past too, until it is named harmless', async () => {
    served.set('/bale.jpg', await aPicture(4, 92));
    served.set(
      '/bale-again.jpg',
      await sharp(await aPicture(4, 60))
        .resize(380)
        .jpeg({ quality: 50 })
        .toBuffer(),
    );
    served.set('/other.jpg', await aPicture(5));
    const watched = 'open order baju second, banyak pilihan, chat aja kak';
    const past = await submit({ text: `${watched} a`, imageUrls: [`${origin}/bale-again.jpg`] });
    const other = await submit({ text: `${watched} b`, imageUrls: [`${origin}/other.jpg`] });
    const offer = await submit({
      text: 'READY BAL SEGEL IMPORT KOREA isi 200 pcs jaket second',
      imageUrls: [`${origin}/bale.jpg`],
    });
    for (const { id } of [past, other, offer])
      await become(id, ({ pictures }) => pictures.every(({ state }) => state === 'captured'));
    const before = await show(past.id);
    expect(before.assessment.pictureMatches.every(({ added }) => added === 0)).toBe(true);

    await decide(offer.id, 'confirmed');
    const raised = await become(past.id, ({ assessment }) =>
      assessment.pictureMatches.some(({ confirmed }) => confirmed > 0),
    );
    expect(raised.assessment.pictureMatches[0]).toMatchObject({ picture: 1, listings: 1, confirmed: 1 });
    expect(raised.assessment.pictureMatches[0]?.added).toBeGreaterThan(0);
    expect(raised.assessment.probability).toBeGreaterThan(before.assessment.probability);
    expect(raised.assessment.reason.id).toMatch(/gambar 1 (mirip|sama) dengan gambar pada 1 unggahan lain/);
    expect((await show(other.id)).assessment.pictureMatches).toEqual([]);

    const sha256 = (await show(offer.id)).pictures[0]?.capture?.sha256;
    const standing = { method: 'PUT', url: `/v1/captures/${sha256}/standing` } as const;
    const headers = { authorization: `Bearer ${saring.secrets.reviewer}` };
    const said = await saring.api.inject({ ...standing, headers, payload: { standing: 'harmless' } });
    expect(said.json()).toMatchObject({ standing: 'harmless' });
    const lowered = await become(past.id, ({ assessment }) => assessment.pictureMatches.length === 0);
    expect(lowered.assessment.probability).toBeCloseTo(before.assessment.probability, 6);
    const listed = (await saring.ask('analyst', 'GET', '/v1/captures?standing=harmless')).json();
    expect(listed.captures.map((capture: { sha256: string }) => capture.sha256)).toEqual([sha256]);
  }, 90_000);

  test('a picture that cannot be decoded is frozen all the same, says so, and the text verdict stands', async () => {
    const whole = await aPicture(8);
    served.set('/broken.jpg', whole.subarray(0, whole.length / 3));
    const text = 'READY BAL SEGEL IMPORT KOREA isi 150 pcs jaket second';
    const { id } = await submit({ text, imageUrls: [`${origin}/broken.jpg`] });
    const first = await show(id);
    const shown = await become(id, ({ pictures }) => typeof pictures[0]?.capture?.textProblem === 'string');
    expect(shown.pictures[0]).toMatchObject({ state: 'captured', capture: { hash: null, text: null } });
    expect(shown.pictures[0]?.capture?.textProblem).toMatch(/picture/);
    expect(shown.assessment).toEqual(first.assessment);
    const thumbnail = `/v1/captures/${shown.pictures[0]?.capture?.sha256}/thumbnail`;
    expect((await saring.ask('analyst', 'GET', thumbnail)).json()).toMatchObject({
      status: 422,
      code: 'PICTURE_UNREADABLE',
    });
  }, 60_000);

  test('a flat picture matches nothing, however often it is shown and confirmed', async () => {
    const grey = { width: 400, height: 400, channels: 3, background: '#cccccc' } as const;
    served.set('/none.png', await sharp({ create: grey }).png().toBuffer());
    const imageUrls = [`${origin}/none.png`];
    const offer = await submit({ text: 'bal segel import jepang 200 pcs jaket second grosir', imageUrls });
    const other = await submit({ text: 'open order baju second, chat aja kak', imageUrls });
    for (const { id } of [offer, other])
      await become(id, ({ pictures }) => pictures.every(({ state }) => state === 'captured'));
    await decide(offer.id, 'confirmed');
    await become(other.id, () => false, 1_500);
    expect((await show(other.id)).assessment.pictureMatches).toEqual([]);
  }, 60_000);

  test('screenshots come along as data addresses and as files of a form', async () => {
    const bytes = await aPicture(6);
    const { id } = await submit({
      text: 'tangkapan layar',
      imageUrls: [`data:image/jpeg;base64,${bytes.toString('base64')}`],
    });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect((await show(id)).pictures).toMatchObject([
      { url: `upload:${sha256}`, state: 'captured', capture: { sha256 } },
    ]);
    const form = new FormData();
    form.set('listing', JSON.stringify({ text: 'dari formulir' }));
    form.set('screenshot', new Blob([await aPicture(7)]), 'layar.jpg');
    const sent = await postForm(form);
    expect(sent.statusCode, sent.body).toBe(201);
    expect(sent.json().pictures).toMatchObject([{ state: 'captured' }]);

    const page = new FormData();
    page.set('listing', JSON.stringify({ text: 'bukan gambar' }));
    page.set('screenshot', new Blob(['<script>alert(1)</script>']), 'layar.jpg');
    const refused = await postForm(page);
    expect(refused.statusCode).toBe(422);
    expect(refused.json().errors).toMatchObject([{ field: 'screenshot' }]);
  }, 60_000);
});
