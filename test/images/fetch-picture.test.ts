import { afterAll, beforeEach, expect, test } from 'vitest';
import { startFetchServers } from './fetch-servers.ts';
import { open } from './hostile-cases.ts';
import { picture } from './hostile-pictures.ts';
import { endless, http, startRawServer } from './raw-server.ts';

const servers = await startFetchServers();
const { answers, at, server, start, zone } = servers;
const sound = http(
  200,
  { 'Content-Type': 'text/html', ETag: '"a"', 'Set-Cookie': 'a=b' },
  await picture('jpeg'),
);

beforeEach(() => {
  answers.clear();
  answers.set('picture', sound);
  server.heads.length = 0;
});

afterAll(() => servers.close());

test('a picture is fetched, and known by its bytes and not by what the server says', async () => {
  const fetched = await start().fetch(at('picture#part'));
  expect(fetched).toMatchObject({
    mediaType: 'image/jpeg',
    width: 40,
    height: 30,
    status: 200,
    finalUrl: at('picture'),
    headers: { 'content-type': 'text/html', etag: '"a"', 'content-length': String(fetched.bytes.byteLength) },
  });
  expect(Object.keys(fetched.headers)).not.toContain('set-cookie');
  expect(Date.now() - fetched.fetchedAt.getTime()).toBeLessThan(5_000);
});

test('a host where nothing listens may be tried again, at whichever of its addresses', async () => {
  const closed = await startRawServer(open, http(200));
  await closed.close();
  const allowed = [{ network: '127.0.0.0/8', ports: [closed.port] }];
  zone['closed.test'] = () => [open, '127.0.0.3'];
  for (const host of [open, 'closed.test'])
    await expect(start({ allowed }).fetch(`http://${host}:${closed.port}/`)).rejects.toMatchObject({
      problem: 'unreachable',
      passing: true,
    });
});

test('names that cannot be looked up are told apart by whether that may pass', async () => {
  const options = { timeoutMs: 3_000 };
  await expect(start(options).fetch(at('', 'absent.test'))).rejects.toMatchObject({
    problem: 'host-unknown',
    passing: false,
  });
  await expect(start(options).fetch(at('', 'empty.test'))).rejects.toMatchObject({
    problem: 'host-unknown',
    passing: false,
  });
  await expect(start(options).fetch(at('', 'failing.test'))).rejects.toMatchObject({
    problem: 'host-unknown',
    passing: true,
  });
  await expect(start(options).fetch(at('', 'silent.test'))).rejects.toMatchObject({
    problem: 'host-unknown',
    passing: true,
  });
  await expect(start({ timeoutMs: 50 }).fetch(at('', 'silent.test'))).rejects.toMatchObject({
    problem: 'timed-out',
  });
});

test('an address that a translating network adds does not hide the host', async () => {
  await expect(start().fetch(at('picture', 'translated.test'))).resolves.toMatchObject({ status: 200 });
});

test('redirects are followed as far as the bound, relative ones too', async () => {
  answers.set('1', http(301, { Location: '2' }));
  answers.set('2', http(307, { Location: `//open.test.:${server.port}/3?a=b#c` }));
  answers.set('3?a=b', http(303, { Location: 'picture' }));
  await expect(start({ maxRedirects: 3 }).fetch(at('1'))).resolves.toMatchObject({ finalUrl: at('picture') });
  await expect(start({ maxRedirects: 2 }).fetch(at('1'))).rejects.toMatchObject({
    problem: 'too-many-redirects',
  });
});

test('a request says who asks and nothing else: no cookie, no referrer, no way for a line break', async () => {
  const fetcher = start({ userAgent: 'saring-test' });
  answers.set('set', http(302, { Location: '/picture', 'Set-Cookie': 'a=b' }));
  await fetcher.fetch(at('set'));
  await expect(fetcher.fetch(at('x\r\nX-Injected: yes\r\n\r\n'))).rejects.toMatchObject({
    problem: 'refused',
  });
  const named = server.heads.map((head) =>
    head
      .split('\r\n')
      .slice(1, -2)
      .map((line) => line.split(': ')[0]),
  );
  const usual = ['host', 'connection', 'user-agent', 'accept', 'accept-encoding'];
  expect(named).toEqual([usual, usual, usual]);
});

test('a server that asks for patience is quoted, and not believed for more than a day', async () => {
  answers.set('tomorrow', http(503, { 'Retry-After': new Date(Date.now() + 60_000).toUTCString() }));
  await expect(start().fetch(at('too-often'))).rejects.toMatchObject({ retryAfterMs: 7_000 });
  await expect(start().fetch(at('busy'))).rejects.toMatchObject({ retryAfterMs: 86_400_000 });
  const wait = await start()
    .fetch(at('tomorrow'))
    .catch(({ retryAfterMs }) => retryAfterMs);
  expect(wait).toBeGreaterThan(50_000);
  expect(wait).toBeLessThanOrEqual(60_000);
});

test('a file of exactly the bound is taken, and one byte more is not', async () => {
  const bytes = await picture('png');
  answers.set(
    'sized',
    endless(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`, bytes, 60_000),
  );
  await expect(start({ maxBytes: bytes.byteLength }).fetch(at('sized'))).resolves.toMatchObject({
    width: 40,
  });
  await expect(start({ maxBytes: bytes.byteLength - 1 }).fetch(at('sized'))).rejects.toMatchObject({
    problem: 'too-large',
  });
});

test('a data address is read and checked like a file', async () => {
  const bytes = await picture('webp');
  const base64 = `data:text/html;base64,${bytes.toString('base64')}`;
  expect(await start().fetch(base64)).toMatchObject({
    mediaType: 'image/webp',
    finalUrl: null,
    status: null,
    headers: {},
  });
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  expect(await start().fetch(`data:,${percent}`)).toMatchObject({ width: 40, height: 30 });
  await expect(start({ maxBytes: bytes.byteLength - 1 }).fetch(base64)).rejects.toMatchObject({
    problem: 'too-large',
  });
  await expect(start().fetch(`data:,${'a'.repeat(4_000_000)}`)).rejects.toMatchObject({
    problem: 'too-large',
  });
  await expect(start().fetch('data:image/png;base64,*')).rejects.toMatchObject({ problem: 'damaged' });
  await expect(start().fetch('data:image/png')).rejects.toMatchObject({ problem: 'damaged' });
  await expect(start().fetch('data:image/svg+xml,<svg/>')).rejects.toMatchObject({
    problem: 'not-a-picture',
  });
});

test('a host is asked no faster and no more at once than is polite, each host for itself', async () => {
  let now = 0;
  let most = 0;
  const times: number[] = [];
  const body = await picture('png');
  answers.set('slow', (socket, request) => {
    times.push(performance.now());
    most = Math.max(most, ++now);
    setTimeout(() => {
      now -= 1;
      http(200, {}, body)(socket, request);
    }, 150);
  });
  const fetcher = start({ perHostPerSecond: 20, perHostAtOnce: 2 });
  await Promise.all([1, 2, 3, 4, 5, 6].map(() => fetcher.fetch(at('slow'))));
  expect(most).toBe(2);
  // Five turns of 50 ms; each may be seen a little late, so they are measured together.
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(200);
  const other = start({ perHostPerSecond: 0.1, perHostAtOnce: 1 });
  const begun = performance.now();
  await Promise.all([other.fetch(at('picture')), other.fetch(at('picture', open))]);
  expect(performance.now() - begun).toBeLessThan(2_000);
});

test('whoever asked can stop it, waiting for its turn or under way, and closing stops all', async () => {
  const fetcher = start({ perHostAtOnce: 1, timeoutMs: 20_000, idleMs: 20_000 });
  const stop = new AbortController();
  const [first, second] = [fetcher.fetch(at('never-answering')), fetcher.fetch(at('picture'), stop.signal)];
  stop.abort(new Error('not wanted any more'));
  await expect(second).rejects.toThrow('not wanted any more');
  await expect(fetcher.fetch(at('picture'), AbortSignal.abort(new Error('never wanted')))).rejects.toThrow(
    'never wanted',
  );
  const closing = expect(first).rejects.toThrow('the fetcher was closed');
  await fetcher.close();
  await closing;
  await expect(fetcher.fetch(at('picture'))).rejects.toThrow('closed');
});
