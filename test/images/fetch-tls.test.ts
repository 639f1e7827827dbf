import { once } from 'node:events';
import { type AddressInfo, createServer as createPlainServer } from 'node:net';
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { createPictureFetcher } from '../../src/images/fetch-picture.ts';
import { PictureError } from '../../src/images/picture-error.ts';
import { certificateFor } from './certificate.ts';
import { picture } from './hostile-pictures.ts';
import { http } from './raw-server.ts';

const address = '127.0.0.2';

/** A server with a certificate for `host`, and a fetcher that finds every host there. */
async function startTls(host: string, options: { trusted: boolean }) {
  const certificate = certificateFor(host);
  if (options.trusted) {
    const usual = getCACertificates('default');
    setDefaultCACertificates([...usual, certificate.cert]);
    onTestFinished(() => setDefaultCACertificates(usual));
  }
  const answer = http(200, {}, await picture('png'));
  const requests: string[] = [];
  const server = createServer(certificate, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (head) => {
      requests.push(head.toString('latin1'));
      answer(socket, { path: '/', head: '' });
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const fetcher = createPictureFetcher({
    allowed: [{ network: address, ports: [port] }],
    resolve: async () => [{ address, family: 4 }],
    perHostPerSecond: 1_000,
  });
  onTestFinished(async () => {
    await fetcher.close();
    await new Promise((resolve) => server.close(resolve));
  });
  return { fetcher, port, requests };
}

test('a host that proves who it is by its certificate is asked, by its name', async () => {
  const { fetcher, port, requests } = await startTls('pictures.test', { trusted: true });
  const fetched = await fetcher.fetch(`https://pictures.test.:${port}/`);
  expect(fetched).toMatchObject({ mediaType: 'image/png', finalUrl: `https://pictures.test:${port}/` });
  expect(requests[0]).toContain(`host: pictures.test:${port}`);
});

test('a host whose certificate is for another one is not asked', async () => {
  const { fetcher, port, requests } = await startTls('pictures.test', { trusted: true });
  for (const host of ['other.test', address])
    await expect(fetcher.fetch(`https://${host}:${port}/`)).rejects.toMatchObject({
      problem: 'unreachable',
      passing: false,
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  expect(requests).toEqual([]);
});

test('a host whose certificate nobody vouches for is not asked, whatever the environment says', async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  const { fetcher, port, requests } = await startTls('pictures.test', { trusted: false });
  await expect(fetcher.fetch(`https://pictures.test:${port}/`)).rejects.toMatchObject({
    problem: 'unreachable',
    passing: false,
  });
  expect(requests).toEqual([]);
});

test('a server that speaks the other one of http and https is said to fail', async () => {
  const { fetcher, port } = await startTls('pictures.test', { trusted: true });
  const plain = createPlainServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(
    0,
    address,
  );
  await once(plain, 'listening');
  onTestFinished(() => void plain.close());
  const { port: plainPort } = plain.address() as AddressInfo; // it listens on TCP
  const allowed = [{ network: address, ports: [plainPort] }];
  const other = createPictureFetcher({ allowed });
  await expect(other.fetch(`https://${address}:${plainPort}/`)).rejects.toMatchObject({
    problem: 'unreachable',
    passing: false,
  });
  await expect(fetcher.fetch(`http://pictures.test:${port}/`)).rejects.toBeInstanceOf(PictureError);
});
