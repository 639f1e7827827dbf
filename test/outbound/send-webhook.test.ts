import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { createHostResolver } from '../../src/outbound/resolve-host.ts';
import { createWebhookSender } from '../../src/outbound/send-webhook.ts';
import { newWebhookSecret } from '../../src/outbound/sign-webhook.ts';
import { startNameServer } from '../images/name-server.ts';
import { type Receiver, startReceiver, verify } from './receiver.ts';

const secret = newWebhookSecret();
const body = '{"type":"batch.done","name":"pakaian bekas – bal №1"}';
const never = new AbortController().signal;

async function start(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...args);
  onTestFinished(() => receiver.close());
  return receiver;
}

function senderTo({ port }: Receiver, timeoutMs = 5_000) {
  return createWebhookSender({ allowed: [{ network: '127.0.0.1', ports: [port] }], timeoutMs });
}

test('a message is signed so that the reference library knows it, and no other secret does', async () => {
  const receiver = await start();
  const sent = { id: 'one', url: receiver.at('/end?token=a'), body, secret };
  const outcome = await senderTo(receiver).send(sent, never);
  expect(outcome).toEqual({ status: 204, problem: null, final: false, retryAfterMs: null });
  const [message] = receiver.received;
  if (message === undefined) throw new Error('nothing came');
  expect(message).toMatchObject({ path: '/end?token=a', body, headers: { 'webhook-id': 'one' } });
  expect(message.headers['content-type']).toBe('application/json');
  expect(verify(message, secret)).toEqual(JSON.parse(body));
  expect(() => verify(message, newWebhookSecret())).toThrow('No matching signature');
  expect(() => verify({ ...message, body: body.replace('1', '2') }, secret)).toThrow('No matching signature');
});

test('what a receiver answers decides: taken, later, never, or elsewhere, which is not followed', async () => {
  const inside = await start();
  const statuses: [number, Record<string, string>, object][] = [
    [200, {}, { problem: null }],
    [299, {}, { problem: null }],
    [500, {}, { problem: expect.stringContaining('did not take the message (500)'), final: false }],
    [404, {}, { problem: expect.any(String), final: false }],
    [410, {}, { problem: expect.stringContaining('410'), final: true }],
    [429, { 'retry-after': '120' }, { final: false, retryAfterMs: 120_000 }],
    [
      302,
      { location: inside.at('/') },
      { problem: expect.stringContaining('is not followed'), final: false },
    ],
    [308, { location: 'http://169.254.169.254/' }, { problem: expect.any(String), final: false }],
  ];
  for (const [status, headers, expected] of statuses) {
    const receiver = await start((response) => void response.writeHead(status, headers).end());
    const sent = { id: 'a', url: receiver.at('/'), body, secret };
    expect(await senderTo(receiver).send(sent, never)).toMatchObject({ status, ...expected });
  }
  expect(inside.received).toEqual([]);
});

test('an address that must not be asked is refused by its words', () => {
  const sender = createWebhookSender({ allowed: [] });
  const refused: [string, string][] = [
    ['not an address', 'cannot be read'],
    ['ftp://example.com/', 'only http and https'],
    ['data:text/plain,a', 'only http and https'],
    ['https://user:secret@example.com/', 'user name or password'],
    ['https://example.com:6379/', 'port 6379'],
    ['http://127.0.0.1/', 'no public address'],
    ['http://2130706433/', 'no public address'],
    ['http://0x7f.1/', 'no public address'],
    ['http://[::1]/', 'no public address'],
    ['http://[::ffff:10.0.0.1]/', 'no public address'],
    ['http://169.254.169.254/latest/meta-data', 'no public address'],
    [`https://example.com/${'a'.repeat(2_000)}`, 'longer than'],
  ];
  for (const [address, words] of refused) expect(() => sender.readAddress(address)).toThrow(words);
  expect(sender.readAddress('https://example.com./hook?a=1#part')).toBe('https://example.com/hook?a=1');
});

test('a private address is refused without being allowed, also behind a name, and nothing is sent', async () => {
  const receiver = await start();
  const names = await startNameServer({ 'inside.test': () => ['127.0.0.1'] });
  onTestFinished(() => names.close());
  const resolve = createHostResolver(names.resolver);
  const elsewhere = [{ network: '127.0.0.9', ports: [receiver.port] }];
  for (const host of ['127.0.0.1', 'inside.test', 'localhost']) {
    const sent = { id: 'a', url: `http://${host}:${receiver.port}/`, body, secret };
    const outcome = await createWebhookSender({ allowed: elsewhere, resolve }).send(sent, never);
    expect(outcome).toMatchObject({
      status: null,
      final: true,
      problem: expect.stringContaining('is no public address'),
    });
  }
  expect(receiver.received).toEqual([]);
  const allowed = [{ network: '127.0.0.0/8', ports: [receiver.port] }];
  const sent = { id: 'a', url: `http://inside.test:${receiver.port}/`, body, secret };
  expect(await createWebhookSender({ allowed, resolve }).send(sent, never)).toMatchObject({ status: 204 });
});

test('a silent receiver is given up in time, and may be tried again', async () => {
  const receiver = await start(() => undefined);
  const sent = { id: 'a', url: receiver.at('/'), body, secret };
  expect(await senderTo(receiver, 200).send(sent, never)).toEqual({
    status: null,
    problem: expect.stringMatching(/too long|silent/),
    final: false,
    retryAfterMs: null,
  });
  await receiver.close();
  expect(await senderTo(receiver).send(sent, never)).toMatchObject({ status: null, final: false });
});

test('of an answer without end no more is read than a little, and its status counts', async () => {
  let given = 0;
  const mebibyte = Buffer.alloc(1024 * 1024);
  const endless = () =>
    new Readable({
      read() {
        given += 1;
        this.push(mebibyte);
      },
    });
  const receiver = await start((response) => {
    const source = endless();
    response.on('close', () => source.destroy());
    source.pipe(response.writeHead(200));
  });
  const sent = { id: 'a', url: receiver.at('/'), body, secret };
  expect(await senderTo(receiver).send(sent, never)).toMatchObject({ status: 200, problem: null });
  expect(given).toBeLessThan(50);
});

test('stopping breaks a try off', async () => {
  const receiver = await start(() => undefined);
  const stop = new AbortController();
  const sending = senderTo(receiver).send({ id: 'a', url: receiver.at('/'), body, secret }, stop.signal);
  stop.abort(new Error('stopping'));
  await expect(sending).rejects.toThrow('stopping');
});
