import { once } from 'node:events';
import { Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** So long a connection that is kept alive has to ask once more and be told, with the answer, that it ends. */
const lingerMs = 1_000;

/**
 * Ends an API without failing a request: it listens no more, answers what comes on open connections (each answer
 * closing its own, as buildApi sees to), and closes those that ask nothing for a second. What is under way is
 * finished; what is not after `graceMs` milliseconds is cut off.
 */
export async function closeGently(api: FastifyInstance, graceMs: number): Promise<void> {
  const { server } = api;
  const end = Date.now() + graceMs;
  if (server.listening) {
    const drained = once(server, 'close');
    // Not the HTTP server's own close, which cuts connections that are silent now, and may ask in this moment.
    Server.prototype.close.call(server);
    await Promise.race([drained, setTimeout(lingerMs, undefined, { ref: false })]);
  }
  const closed = api.close();
  const late = Symbol('late');
  const first = await Promise.race([closed, setTimeout(Math.max(0, end - Date.now()), late, { ref: false })]);
  if (first === late) server.closeAllConnections();
  await closed;
}
