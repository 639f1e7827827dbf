import { Agent, request } from 'node:http';

/** A load that runs until it is ended. */
export type Load = {
  /** Stops asking; resolves to how many answers came, by kind, and everything that went wrong. */
  end(): Promise<{ answers: Record<string, number>; failures: string[] }>;
};

type Ask = { name: string; method: 'GET' | 'POST'; path: string; body?: (n: number) => object };

const asks: readonly Ask[] = [
  { name: 'score', method: 'POST', path: '/v1/score', body: (n) => ({ text: `bal segel import ${n}` }) },
  { name: 'submit', method: 'POST', path: '/v1/listings', body: (n) => ({ text: `jaket second ${n}` }) },
  { name: 'list', method: 'GET', path: '/v1/listings?limit=5' },
];

/**
 * Asks all the time, on connections that are kept alive and on new ones. No request is ever sent twice: one that fails
 * has failed.
 */
export function startLoad(address: string, key: string, users: { kept: number; fresh: number }): Load {
  const ending = new AbortController();
  const answers: Record<string, number> = {};
  const failures: string[] = [];
  let asked = 0;

  async function askAll(name: string, agent: Agent): Promise<void> {
    while (!ending.signal.aborted) {
      for (const ask of asks) {
        asked += 1;
        const what = `${name} ${ask.name}`;
        try {
          const status = await send(address, key, agent, ask, asked);
          if (status < 300) answers[what] = (answers[what] ?? 0) + 1;
          else failures.push(`${what}: ${status}`);
        } catch (error) {
          failures.push(`${what}: ${error}`);
        }
      }
    }
    agent.destroy();
  }

  const all = [
    ...Array.from({ length: users.kept }, () =>
      askAll('kept', new Agent({ keepAlive: true, maxSockets: 1 })),
    ),
    ...Array.from({ length: users.fresh }, () => askAll('fresh', new Agent({ keepAlive: false }))),
  ];
  return {
    async end() {
      ending.abort();
      await Promise.all(all);
      return { answers, failures };
    },
  };
}

async function send(address: string, key: string, agent: Agent, ask: Ask, n: number): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return await new Promise((resolve, reject) => {
    const sent = request(`${address}${ask.path}`, { agent, method: ask.method, headers }, (answer) => {
      answer.on('error', reject);
      answer.on('end', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    sent.on('error', reject);
    sent.end(ask.body === undefined ? undefined : JSON.stringify(ask.body(n)));
  });
}
