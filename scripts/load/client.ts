import { Pool } from 'undici';
import type { z } from 'zod';
import type { Latencies } from './latencies.ts';

/** Somebody with a key of their own. */
export type Caller = { name: string; key: string };

export type Question = {
  /** Under which the answer's time is remembered. */
  kind: string;
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: unknown;
  caller: Caller;
  /** When it should have been sent, `performance.now()`; by default it is when it is asked. */
  dueMs?: number;
};

/** Asks a service over connections that are kept open, and remembers how long it took. */
export type Client = {
  /** The answer, or null when there was an error, which is remembered. */
  ask<T>(question: Question, answer: z.ZodType<T>): Promise<T | null>;
  /** Of whoever listens last: where the times go. */
  measureInto(latencies: Latencies): void;
  close(): Promise<void>;
};

const connections = 256;
/** Nobody waits longer. */
const patienceMs = 30_000;

/** Connects to a service; `latencies` gets the times until others are named. */
export function createClient(address: string, latencies: Latencies): Client {
  const pool = new Pool(address, {
    connections,
    pipelining: 1,
    headersTimeout: patienceMs,
    bodyTimeout: patienceMs,
  });
  let into = latencies;
  return {
    async ask({ kind, method, path, body, caller, dueMs = performance.now() }, answer) {
      // Answers that come late belong to the time in which they were asked for.
      const mine = into;
      try {
        const response = await pool.request({
          method,
          path,
          headers: {
            authorization: `Bearer ${caller.key}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          body: body === undefined ? null : JSON.stringify(body),
        });
        const text = await response.body.text();
        const tookMs = performance.now() - dueMs;
        if (response.statusCode >= 300) {
          mine.fail(kind, `${response.statusCode} ${text}`);
          return null;
        }
        mine.record(kind, tookMs);
        return answer.parse(text === '' ? null : JSON.parse(text));
      } catch (error) {
        mine.fail(kind, error instanceof Error ? error.message : String(error));
        return null;
      }
    },
    measureInto(next) {
      into = next;
    },
    close: () => pool.close(),
  };
}
