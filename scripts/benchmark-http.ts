/**
 * Requests per second of POST /v1/score beside a bare Fastify echo route, in interleaved rounds of the same minutes.
 * Usage: node scripts/benchmark-http.ts [rounds] [seconds] [connections]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import { median } from './median.ts';

const [rounds = 5, seconds = 4, connections = 32] = process.argv.slice(2).map(Number);
const text =
  'Ready stok jaket second import Korea, kondisi 9/10, LD 112 P 66, minus noda kecil di lengan kiri. 75k nett, minat dm kak #thriftindonesia #secondbranded';
const folder = mkdtempSync(join(tmpdir(), 'saring-benchmark-'));

async function start(args: string[]): Promise<{ address: string; errors(): string; stop(): Promise<void> }> {
  const env = { ...process.env, SARING_DATA: folder, PORT: '0' };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (piece: Buffer) => {
    errors += piece.toString();
  });
  let address = '';
  for await (const line of createInterface({ input: child.stdout })) {
    address = /http:\/\/127[^"]+/.exec(line)?.[0] ?? '';
    if (address !== '') break;
  }
  child.stdout.resume();
  return {
    address,
    errors: () => errors,
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

const echo = await start([join(import.meta.dirname, 'echo-server.ts')]);
const service = await start([join(import.meta.dirname, '../src/main.ts'), 'serve']);
const key = /saring_[\w-]+/.exec(service.errors())?.[0] ?? '';

async function measure(url: string): Promise<number> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ text }),
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} refusals, ${result.errors} errors from ${url}`);
  return result.requests.average;
}

const score = `${service.address}/v1/score`;
await measure(score);
await measure(echo.address);
const pairs: { echo: number; score: number }[] = [];
for (let round = 0; round < rounds; round += 1) {
  const pair = { echo: await measure(echo.address), score: await measure(score) };
  pairs.push(pair);
  console.log(
    `round ${round + 1}: echo ${pair.echo.toFixed(0)}/s, score ${pair.score.toFixed(0)}/s, ratio ${(pair.score / pair.echo).toFixed(2)}`,
  );
}
const ratio = median(pairs.map((pair) => pair.score / pair.echo));
console.log(
  `median: echo ${median(pairs.map((pair) => pair.echo)).toFixed(0)}/s, POST /v1/score ${median(pairs.map((pair) => pair.score)).toFixed(0)}/s, ratio ${ratio.toFixed(2)}`,
);
await echo.stop();
await service.stop();
rmSync(folder, { recursive: true, force: true });
