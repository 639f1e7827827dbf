import type { PictureProblem } from '../../src/images/picture-error.ts';
import * as make from './hostile-pictures.ts';
import type { Answering } from './name-server.ts';
import { type Answer, endless, http, raw } from './raw-server.ts';

/** Where the two servers listen: the one that may be asked, and the one that must never be. Both at the same port. */
export const open = '127.0.0.2';
export const inside = '127.0.0.1';

/** Names of the test's own; those that matter answer with the forbidden server, alone or among others. */
export const zone: Record<string, Answering> = {
  'open.test': () => [open],
  'inside.test': () => [inside],
  'metadata.test': () => ['169.254.169.254'],
  'mixed.test': () => [open, inside],
  'six.test': () => [open, '::1'],
  'mapped.test': () => [`::ffff:${inside}`],
  'nat64.test': () => ['64:ff9b::7f00:1'],
  'translated.test': () => [open, '64:ff9b::7f00:2'],
  'alias.test': () => ['inside.test'],
  'silent.test': () => 'silent',
  'failing.test': () => 'fails',
  'empty.test': () => [],
};

/** Addresses that must be refused before anything is connected to; `P` stands for the port of both servers. */
export const forbiddenAddresses: string[] = [
  ...[
    inside,
    '127.1',
    '127.0.1',
    '2130706433',
    '0177.0.0.1',
    '0x7f.1',
    '0x7f000001',
    '127.0.0.1.',
    '0',
    '0.0.0.0',
  ],
  ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[::ffff:0:127.0.0.1]'],
  ...['[64:ff9b::7f00:1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2001:0:7f00:1::80ff:fffe]'],
  ...[
    '[2606:4700::5efe:7f00:1]',
    '[2606:4700::200:5efe:7f00:1]',
    '[fe80::1]',
    '[fe80::1%25lo]',
    '[fd00:ec2::254]',
  ],
  ...[
    '169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    '10.0.0.1',
    '192.168.0.1',
    '172.17.0.1',
  ],
  ...['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', '①②⑦.⓪.⓪.①', '127。0。0。1'],
  ...['inside.test', 'INSIDE.test.', 'metadata.test', 'mixed.test', 'six.test', 'mapped.test', 'nat64.test'],
  ...['alias.test', 'user:pw@open.test', 'open.test:80@127.0.0.1', 'open.test%00@127.0.0.1'],
]
  .map((host) => `http://${host}:P/picture`)
  .concat(
    [
      '',
      'picture.png',
      '//127.0.0.1:P/picture',
      'http://',
      'http://[',
      'http://open.test:P:P/',
      'http://open.test:99999/',
    ],
    [
      'http:/127.0.0.1:P/picture',
      'http:127.0.0.1:P/picture',
      'http:\\\\127.0.0.1:P\\picture',
      ' http://127.0.0.1:P/',
    ],
    ['http://127.0.0.1:P\\@open.test/', 'http://open.test#@127.0.0.1:P/', 'ht\ntp://127.0.0.1:P/picture'],
    [
      'file:///etc/passwd',
      'ftp://open.test/x',
      'gopher://127.0.0.1:P/_GET',
      'javascript:alert(1)',
      'ws://127.0.0.1:P/',
    ],
    ['blob:http://127.0.0.1:P/x', 'about:blank', 'unix:/var/run/docker.sock', 'jar:http://127.0.0.1:P!/x'],
    [
      'http://open.test/',
      'https://open.test/',
      'http://open.test:443/',
      'https://open.test:80/',
      'http://open.test:22/',
    ],
    ['http://open.test:6379/', 'http://open.test:0/', 'https://127.0.0.1:P/', 'https://[::1]:P/'],
  );

/** Where an answer may try to send on to; all are refused. */
export const forbiddenTargets = [
  'http://127.0.0.1:P/picture',
  '//127.0.0.1:P/picture',
  'http://2130706433:P/picture',
  'http://[::1]:P/picture',
  'http://[::ffff:127.0.0.1]:P/picture',
  'http://inside.test:P/picture',
  'http://six.test:P/picture',
  'http://169.254.169.254/latest/meta-data/',
  'https://127.0.0.1:P/picture',
  'http://user:pw@open.test:P/picture',
  'http://open.test:6379/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:P/_',
  'data:image/png;base64,iVBORw0KGgo=',
  'javascript:alert(1)',
  'http://',
];

/** An answer, and what must be said of it. */
export type HostileAnswer = { answer: Answer; problem: PictureProblem; passing?: boolean };

const sound = await make.picture('png');
const jpeg = await make.picture('jpeg');
const gzipped = { 'Content-Encoding': 'gzip' };

/** Answers that are no picture, by the path they are asked for at. */
export const hostileAnswers: Record<string, HostileAnswer> = {
  'to-itself': { answer: http(302, { Location: '/to-itself' }), problem: 'too-many-redirects' },
  'to-nowhere': { answer: http(302), problem: 'not-a-picture' },
  packed: { answer: http(200, gzipped, sound), problem: 'server-failed' },
  'packed-strangely': { answer: http(200, { 'Content-Encoding': 'x' }, sound), problem: 'server-failed' },
  'no-content': { answer: http(204), problem: 'not-a-picture' },
  'not-modified': { answer: http(304), problem: 'not-a-picture' },
  part: { answer: http(206, { 'Content-Range': 'bytes 0-9/99' }, sound), problem: 'not-a-picture' },
  choices: { answer: http(300, { Location: '/picture' }), problem: 'not-a-picture' },
  gone: { answer: http(404, {}, sound), problem: 'refused' },
  'not-allowed': { answer: http(403), problem: 'refused' },
  'too-often': { answer: http(429, { 'Retry-After': '7' }), problem: 'refused', passing: true },
  failing: { answer: http(500), problem: 'server-failed', passing: true },
  busy: {
    answer: http(503, { 'Retry-After': '999999999999999999' }),
    problem: 'server-failed',
    passing: true,
  },
  unable: { answer: http(501), problem: 'server-failed' },
  'other-protocol': {
    answer: raw('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    problem: 'server-failed',
  },
  'http-0.9': { answer: raw(sound), problem: 'server-failed' },
  garbage: { answer: raw('\0\x01\x02 hello\r\n\r\n'), problem: 'server-failed' },
  'two-lengths': {
    answer: raw('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'),
    problem: 'server-failed',
  },
  'length-and-pieces': {
    answer: raw('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    problem: 'server-failed',
  },
  'length-below-zero': {
    answer: raw('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'),
    problem: 'server-failed',
  },
  'broken-pieces': {
    answer: raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
    problem: 'server-failed',
  },
  'huge-header': {
    answer: raw(`HTTP/1.1 200 OK\r\nA: ${'a'.repeat(99_999)}\r\n\r\n`),
    problem: 'server-failed',
  },
  'huge-trailer': {
    answer: raw(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: ${'a'.repeat(99_999)}\r\n\r\n`,
    ),
    problem: 'server-failed',
  },
  'endless-headers': {
    answer: endless('HTTP/1.1 200 OK\r\n', 'A: b\r\n'.repeat(100)),
    problem: 'server-failed',
  },
  continue: { answer: raw('HTTP/1.1 100 Continue\r\n\r\n'), problem: 'server-failed' },
  'endless-hints': {
    answer: endless('', 'HTTP/1.1 103 Early Hints\r\n\r\n', 20),
    problem: 'timed-out',
    passing: true,
  },
  'endless-body': { answer: endless('HTTP/1.1 200 OK\r\n\r\n', Buffer.alloc(65_536)), problem: 'too-large' },
  'endless-pieces': {
    answer: endless(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      `ffff\r\n${'a'.repeat(65_535)}\r\n`,
    ),
    problem: 'too-large',
  },
  'long-by-its-word': { answer: http(200, { 'Content-Length': '99999999999' }), problem: 'too-large' },
  'shorter-than-its-word': {
    answer: http(200, { 'Content-Length': '5000' }, sound),
    problem: 'unreachable',
    passing: true,
  },
  'cut-off': { answer: (socket) => socket.resetAndDestroy(), problem: 'unreachable', passing: true },
  'closed-at-once': { answer: raw(''), problem: 'unreachable', passing: true },
  'never-answering': { answer: () => {}, problem: 'timed-out', passing: true },
  'silent-half-way': {
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx'),
    problem: 'timed-out',
    passing: true,
  },
  'dripping-body': {
    answer: endless('HTTP/1.1 200 OK\r\n\r\n', 'x', 50),
    problem: 'timed-out',
    passing: true,
  },
  'dripping-headers': {
    answer: endless('HTTP/1.1 200 OK\r\n', 'A', 50),
    problem: 'timed-out',
    passing: true,
  },
  page: {
    answer: http(200, { 'Content-Type': 'image/png' }, '<html>hello</html>'),
    problem: 'not-a-picture',
  },
  drawing: {
    answer: http(200, { 'Content-Type': 'image/png' }, '<svg xmlns="http://www.w3.org/2000/svg"/>'),
    problem: 'not-a-picture',
  },
  heic: { answer: http(200, {}, make.mediaFile('heic', 'mif1')), problem: 'not-a-picture' },
  empty: { answer: http(200), problem: 'not-a-picture' },
  'only-magic': { answer: http(200, {}, 'GIF89a'), problem: 'damaged' },
  'cut-jpeg': { answer: http(200, {}, jpeg.subarray(0, 40)), problem: 'damaged' },
  'png-of-2500-megapixels': {
    answer: http(200, {}, await make.pngOf(50_000, 50_000)),
    problem: 'too-many-pixels',
  },
  'jpeg-of-4290-megapixels': {
    answer: http(200, {}, await make.jpegClaiming(65_500, 65_500)),
    problem: 'too-many-pixels',
  },
  'gif-of-4295-megapixels': {
    answer: http(200, {}, await make.gifClaiming(65_535, 65_535)),
    problem: 'too-many-pixels',
  },
  'webp-of-268-megapixels': {
    answer: http(200, {}, await make.webpClaiming(16_383, 16_383)),
    problem: 'too-many-pixels',
  },
  'avif-of-1024-megapixels': {
    answer: http(200, {}, await make.avifClaiming(32_000, 32_000)),
    problem: 'too-many-pixels',
  },
};
