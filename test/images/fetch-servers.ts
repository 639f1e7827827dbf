import { onTestFinished } from 'vitest';
import {
  createPictureFetcher,
  type FetchOptions,
  type PictureFetcher,
} from '../../src/images/fetch-picture.ts';
import { createHostResolver } from '../../src/outbound/resolve-host.ts';
import * as cases from './hostile-cases.ts';
import { type NameServer, startNameServer } from './name-server.ts';
import { type Answer, http, type RawServer, startRawServer } from './raw-server.ts';

export type FetchServers = {
  names: NameServer;
  /** Names of one test, beside those that all tests share. */
  zone: typeof cases.zone;
  /** The server that may be asked; it has every hostile answer, and `to?…` sends on. */
  server: RawServer;
  /** Answers of one test, by path. */
  answers: Map<string, Answer>;
  /** Connections made so far to the servers that may not be asked. */
  reached(): number;
  at(path: string, host?: string): string;
  /** The text with the port of the servers for each `P`. */
  withPort(text: string): string;
  /** A fetcher that knows these servers and lasts as long as the test. */
  start(options?: Partial<FetchOptions>): PictureFetcher;
  close(): Promise<void>;
};

/** A name server, a server that may be asked, and at the same port of other addresses servers that may not. */
export async function startFetchServers(): Promise<FetchServers> {
  const zone = { ...cases.zone };
  const answers = new Map<string, Answer>();
  const names = await startNameServer(zone);
  const server = await startRawServer(cases.open, (socket, request) => {
    const name = request.path.slice(1);
    const [to] = /(?<=^to\?).*/.exec(name) ?? [];
    const redirect = to === undefined ? undefined : http(302, { Location: decodeURIComponent(to) });
    const answer = redirect ?? answers.get(name) ?? cases.hostileAnswers[name]?.answer ?? http(404);
    answer(socket, request);
  });
  const { port } = server;
  const forbidden = [await startRawServer(cases.inside, http(200), port)];
  // Where there is no IPv6, nothing can be reached by it either.
  await startRawServer('::1', http(200), port).then(
    (six) => forbidden.push(six),
    () => {},
  );
  return {
    names,
    zone,
    server,
    answers,
    reached: () => forbidden.reduce((sum, { connections }) => sum + connections, 0),
    at: (path, host = 'open.test') => `http://${host}:${port}/${path}`,
    withPort: (text) => text.replaceAll('P', String(port)),
    start(options = {}) {
      const fetcher = createPictureFetcher({
        allowed: [{ network: cases.open, ports: [port] }],
        resolve: createHostResolver(names.resolver),
        timeoutMs: 2_500,
        idleMs: 900,
        maxBytes: 1_000_000,
        perHostPerSecond: 1_000,
        perHostAtOnce: 10,
        ...options,
      });
      onTestFinished(() => fetcher.close());
      return fetcher;
    },
    async close() {
      await Promise.all([names, server, ...forbidden].map((each) => each.close()));
    },
  };
}
