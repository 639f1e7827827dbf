import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Writes an answer, byte for byte, to a request whose head has come. */
export type Answer = (socket: Socket, request: { path: string; head: string }) => void;

export type RawServer = {
  port: number;
  connections: number;
  /** Heads of the requests so far. */
  heads: string[];
  close(): Promise<void>;
};

/** A server that says whatever a test wants, be it HTTP or not. It counts connections when they are made. */
export async function startRawServer(address: string, answer: Answer, port = 0): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    state.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let head = '';
    const read = (piece: Buffer) => {
      head += piece.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      socket.resume();
      state.heads.push(head);
      answer(socket, { path: head.split(' ')[1] ?? '/', head });
    };
    socket.on('data', read);
  });
  server.listen(port, address);
  await once(server, 'listening');
  const state: RawServer = {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    connections: 0,
    heads: [],
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return state;
}

/** A whole answer with a body. */
export function http(
  status: number | string,
  headers: Record<string, string> = {},
  body: string | Uint8Array = '',
): Answer {
  return (socket) => {
    const bytes = Buffer.from(body);
    const given = { 'Content-Length': String(bytes.byteLength), ...headers };
    const lines = Object.entries(given).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n`, 'latin1');
    socket.end(bytes);
  };
}

/** These bytes and the end. */
export function raw(text: string | Uint8Array): Answer {
  return (socket) => socket.end(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
}

/** First this, then pieces for as long as somebody takes them, one every so many milliseconds or as fast as can be. */
export function endless(head: string, piece: string | Uint8Array, everyMs = 0): Answer {
  return (socket) => {
    socket.write(head, 'latin1');
    const push = () => {
      if (socket.destroyed) return;
      const more = socket.write(piece);
      if (everyMs > 0) setTimeout(push, everyMs);
      else if (more) setImmediate(push);
      else socket.once('drain', push);
    };
    push();
  };
}
