/**
 * Prints how much memory a service takes while hostile batches come in: the peak of its resident memory during each upload
 * over what it had before, as Linux counts it. The service is a process of its own on an embedded store.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { createGzip } from 'node:zlib';

const mebibyte = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'saring-bad-batches-'));
const service = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), 'serve'], {
  env: {
    PATH: process.env.PATH ?? '',
    PORT: '0',
    SARING_DATA: folder,
    PICTURES: 'off',
    BATCH_LIMIT_MIB: '256',
  },
  stdio: ['ignore', 'pipe', 'pipe'],
});
let output = '';
for (const stream of [service.stdout, service.stderr]) {
  stream.on('data', (text: Buffer) => {
    // Only the start is looked at.
    if (output.length < 10_000) output += text.toString();
  });
}

async function printed(pattern: RegExp): Promise<string> {
  for (;;) {
    const [, found] = pattern.exec(output) ?? [];
    if (found !== undefined) return found;
    if (service.exitCode !== null) throw new Error(`the service ended: ${output}`);
    await wait(20);
  }
}

/** Kibibytes of a line of the service's status, in MiB. */
function memory(line: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
  return Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

async function measure(name: string, upload: () => Promise<string>): Promise<void> {
  await wait(1_000);
  const before = memory('VmRSS');
  // Sets the peak back to what is resident now.
  writeFileSync(`/proc/${service.pid}/clear_refs`, '5');
  const began = performance.now();
  const answer = await upload();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const [over, peak] = [memory('VmHWM') - before, memory('VmHWM')].map(Math.round);
  console.log(`| ${name} | ${answer} | ${seconds} | ${over} | ${peak} |`);
}

const address = await printed(/"address":"([^"]+)"/);
const key = await printed(/(saring_[\w-]{40,})/);
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/octet-stream' };

async function send(pieces: Iterable<Buffer> | Readable): Promise<string> {
  const body = Readable.toWeb(pieces instanceof Readable ? pieces : Readable.from(pieces));
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, headers, duplex: 'half' };
  const answer = await fetch(`${address}/v1/batches`, init);
  const text = await answer.text();
  const rows = /"rows":(\{[^}]*\})/.exec(text)?.[1] ?? /"code":"(\w+)"/.exec(text)?.[1] ?? '';
  return `${answer.status} ${rows}`;
}

function* repeated(piece: Buffer, times: number): Generator<Buffer> {
  for (let n = 0; n < times; n += 1) yield piece;
}

const good = Buffer.from(
  Array.from({ length: 200 }, (_, n) => `${JSON.stringify({ text: `soto ayam ${n}` })}\n`).join(''),
);
const filler = Buffer.alloc(mebibyte, 'a');

function* longRows(times: number): Generator<Buffer> {
  for (let n = 0; n < times; n += 1) {
    yield Buffer.from('{"text":"');
    yield* repeated(filler, 20);
    yield Buffer.from('"}\n');
  }
}

async function promised(): Promise<string> {
  const sending = request(`${address}/v1/batches`, {
    method: 'POST',
    headers: { ...headers, 'content-length': String(10 * 1024 * mebibyte) },
  }).on('error', () => undefined);
  sending.write(good);
  const status = await new Promise((resolve) =>
    sending.on('response', (answer) => resolve(answer.statusCode)),
  );
  sending.destroy();
  return String(status);
}

console.log('| upload | answer | seconds | MiB over before | MiB peak |\n| --- | --- | --: | --: | --: |');
await measure('10,000 good rows, to warm up', () => send(repeated(good, 50)));
await wait(10_000);
await measure('10,000 good rows', () => send(repeated(good, 50)));
await wait(10_000);
await measure('10 GiB promised', promised);
await measure('ten rows of 20 MiB', () => send(longRows(10)));
await measure('CSV with a cell of 200 MiB', () =>
  send([Buffer.from('id,text\n1,"'), ...repeated(filler, 200)]),
);
await measure('gzip bomb of 2 GiB in one row', () =>
  send(Readable.from(repeated(filler, 2_048)).pipe(createGzip({ level: 1 }))),
);
await measure('200 MiB that is no UTF-8', () =>
  send([good, ...repeated(Buffer.alloc(mebibyte, Buffer.from([0xe9, 0x0a])), 200)]),
);
service.kill('SIGTERM');
await new Promise((resolve) => service.on('exit', resolve));
rmSync(folder, { recursive: true, force: true });
