import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { requireBinary } from './find-binary.ts';
import { createServerProcess, freePort, giveToServer, type ServerProcess } from './server-process.ts';

/** Starts a Redis of its own on loopback that keeps nothing: started again, it is empty. */
export async function startRedis(folder: string): Promise<ServerProcess> {
  const data = join(folder, `redis-${crypto.randomUUID()}`);
  mkdirSync(data);
  giveToServer(data);
  const port = await freePort();
  const server = createServerProcess({
    url: `redis://127.0.0.1:${port}`,
    port,
    command: requireBinary('redis-server'),
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data],
      ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
    ],
    stopSignal: 'SIGTERM',
    async isReady() {
      const socket = connect(port, '127.0.0.1');
      try {
        await once(socket, 'connect');
        socket.write('PING\r\n');
        const [answer] = await once(socket, 'data');
        return String(answer).startsWith('+PONG');
      } finally {
        socket.destroy();
      }
    },
  });
  await server.start();
  return server;
}
