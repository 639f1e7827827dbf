import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { FetchOptions } from '../../src/images/fetch-picture.ts';
import { startFetchServers } from './fetch-servers.ts';
import * as cases from './hostile-cases.ts';
import { gifOfFrames, picture, pngOf, profileBomb } from './hostile-pictures.ts';
import { type Answer, endless, http, startRawServer } from './raw-server.ts';

const servers = await startFetchServers();
const { answers, at, names, server, start, withPort, zone } = servers;
let tried = 0;

/** What a hostile case comes to, counted. */
function hostile(address: string, options?: Partial<FetchOptions>) {
  tried += 1;
  return start(options).fetch(address);
}

answers.set('picture', http(200, {}, await picture('jpeg')));

beforeEach(() => {
  server.heads.length = 0;
  names.asked.length = 0;
});

afterAll(async () => {
  await servers.close();
  process.stdout.write(
    `hostile pictures: ${tried} tried, ${servers.reached()} reached a forbidden address\n`,
  );
  expect(servers.reached()).toBe(0);
});

test('the server that must not be reached would be noticed', async () => {
  const watched = await startRawServer(cases.inside, http(200));
  onTestFinished(() => watched.close());
  const allowed = [{ network: cases.inside, ports: [watched.port] }];
  await expect(start({ allowed }).fetch(`http://inside.test:${watched.port}/`)).rejects.toMatchObject({
    problem: 'not-a-picture',
  });
  expect(watched.connections).toBe(1);
});

test.each(cases.forbiddenAddresses)('refuses %s before anything is connected to', async (address) => {
  const before = server.connections;
  await expect(hostile(withPort(address))).rejects.toMatchObject({
    problem: 'address-forbidden',
    passing: false,
  });
  expect(server.connections).toBe(before);
});

test.each(cases.forbiddenTargets)('does not follow a redirect to %s', async (target) => {
  const address = at(`to?${encodeURIComponent(withPort(target))}`);
  await expect(hostile(address)).rejects.toMatchObject({ problem: 'address-forbidden', passing: false });
  expect(server.heads).toHaveLength(1);
});

test.each(Object.entries(cases.hostileAnswers))(
  'says plainly what is wrong with the answer %s',
  async (path, { problem, passing }) => {
    const before = server.connections;
    await expect(hostile(at(path))).rejects.toMatchObject({ problem, passing: passing ?? false });
    expect(server.connections - before).toBe(problem === 'too-many-redirects' ? 6 : 1);
  },
);

test('a host that changes its address after the first look is refused at the second', async () => {
  let looks = 0;
  zone['rebind.test'] = () => (looks++ < 2 ? [cases.open] : [cases.inside]);
  const fetcher = start();
  tried += 1;
  await expect(fetcher.fetch(at('picture', 'rebind.test'))).resolves.toMatchObject({ status: 200 });
  expect(names.asked).toHaveLength(2);
  await expect(fetcher.fetch(at('picture', 'rebind.test'))).rejects.toMatchObject({
    problem: 'address-forbidden',
  });
});

test('a host that changes its address between a redirect and its target is refused', async () => {
  let looks = 0;
  zone['turning.test'] = () => (looks++ < 2 ? [cases.open] : [cases.inside]);
  const address = at(`to?${encodeURIComponent('/picture')}`, 'turning.test');
  await expect(hostile(address)).rejects.toMatchObject({ problem: 'address-forbidden' });
});

test('a host that answers otherwise every time never leads to the forbidden address', async () => {
  let looks = 0;
  zone['flipping.test'] = () => [looks++ % 3 === 0 ? cases.inside : cases.open];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => hostile(at('picture', 'flipping.test'))),
  );
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['fulfilled', 'rejected']));
});

test('a picture with something else behind it counts as the picture', async () => {
  tried += 2;
  answers.set(
    'page-behind',
    http(200, {}, Buffer.concat([await picture('jpeg'), Buffer.from('<script>alert(1)</script>')])),
  );
  answers.set(
    'archive-behind',
    http(200, {}, Buffer.concat([await picture('gif'), Buffer.from('PK\x05\x06'), Buffer.alloc(18)])),
  );
  await expect(start().fetch(at('page-behind'))).resolves.toMatchObject({ mediaType: 'image/jpeg' });
  await expect(start().fetch(at('archive-behind'))).resolves.toMatchObject({ mediaType: 'image/gif' });
});

const child = join(import.meta.dirname, 'child/fetch-once.ts');

/** In a process of its own, which is told to go through a proxy: the server that must not be reached. */
async function fetchInProcess(path: string): Promise<{ outcome: string; peakMiB: number }> {
  const url = `http://${cases.open}:${server.port}/${path}`;
  const proxy = `http://${cases.inside}:${server.port}`;
  const proxies = { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy, NO_PROXY: '', no_proxy: '' };
  const { stdout } = await promisify(execFile)(process.execPath, [child, url, String(server.port)], {
    env: { ...process.env, NODE_USE_ENV_PROXY: '1', ...proxies },
  });
  return JSON.parse(stdout);
}

test('no answer takes more memory than its bound, and no proxy of the environment is asked', async () => {
  const bound = 15_000_000;
  const sound = await picture('png');
  const large = Buffer.concat([sound, Buffer.alloc(bound - sound.byteLength)]);
  const expected: Record<string, { answer: Answer; outcome: string }> = {
    'endless-body': {
      answer: endless('HTTP/1.1 200 OK\r\n\r\n', Buffer.alloc(65_536)),
      outcome: 'too-large',
    },
    // A thousand times its size when unpacked.
    'gzip-bomb': {
      answer: http(200, { 'Content-Encoding': 'gzip' }, Buffer.alloc(bound - 1, 31)),
      outcome: 'server-failed',
    },
    'png-of-2500-megapixels': {
      answer: http(200, {}, await pngOf(50_000, 50_000)),
      outcome: 'too-many-pixels',
    },
    'profile-of-512-mebibytes': {
      answer: http(200, {}, await pngOf(40, 30, profileBomb(2 ** 29))),
      outcome: 'image/png',
    },
    'gif-of-900000-frames': { answer: http(200, {}, await gifOfFrames(900_000)), outcome: 'image/gif' },
    'largest-file': { answer: http(200, {}, large), outcome: 'image/png' },
  };
  answers.set('small', http(200, {}, sound));
  const { peakMiB: usual } = await fetchInProcess('small');
  const figures = [`small ${usual.toFixed(0)}`];
  for (const [path, { answer, outcome }] of Object.entries(expected)) {
    tried += 1;
    answers.set(path, answer);
    const found = await fetchInProcess(path);
    expect(found.outcome, path).toBe(outcome);
    expect(found.peakMiB - usual, path).toBeLessThan(150);
    figures.push(`${path} ${found.peakMiB.toFixed(0)}`);
  }
  process.stdout.write(`most memory of a process that fetches, MiB: ${figures.join(', ')}\n`);
}, 120_000);
