import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A message as a receiver got it. */
export type Received = { path: string; headers: Record<string, string>; body: string };

/** A server of the test's own that webhooks are sent to. */
export type Receiver = {
  port: number;
  received: Received[];
  at(path: string): string;
  close(): Promise<void>;
};

/** Starts a receiver on this machine. `answer` is called when a message has come in whole; by default it says 204. */
export async function startReceiver(
  answer: (response: ServerResponse, message: Received) => void = (response) => {
    response.writeHead(204).end();
  },
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const message = { path: request.url ?? '', headers, body };
    received.push(message);
    answer(response, message);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    port,
    received,
    at: (path) => `http://127.0.0.1:${port}${path}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a message says, as the reference library reads it. Throws where the signature is not by this secret. */
export function verify(message: Received, secret: string): unknown {
  return new Webhook(secret).verify(message.body, message.headers);
}
