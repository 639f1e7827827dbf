/**
 * Prints how much memory a service takes while hostile batches come in: the peak of its resident memory during each upload
 * over what it had before, as Linux counts it. The service is a process of its own on an embedded store.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { createGzip } from 'node:zlib';

const mebibyte = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'saring-bad-batches-'));
const environment = {
  PATH: process.env.PATH ?? '',
  PORT: '0',
  SARING_DATA: folder,
  PICTURES: 'off',
  BATCH_LIMIT_MIB: '256',
};

async function start() {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), 'serve'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      // Only the start is looked at.
      if (output.length < 10_000) output += text.toString();
    });
  }
  const printed = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const [, found] = pattern.exec(output) ?? [];
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`the service ended: ${output}`);
      await wait(20);
    }
  };
  return { child, printed, address: await printed(/"address":"([^"]+)"/) };
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

// The first start makes the database, for which it takes more memory than for anything after.
const first = await start();
const key = await first.printed(/(saring_[\w-]{40,})/);
await stop(first.child);
const { child: service, address } = await start();

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

/** 5,000 rows. */
const badLines = Buffer.from('{"text":"jok\xe9"}\n'.repeat(5_000), 'latin1');

function* longRows(times: number): Generator<Buffer> {
  for (let n = 0; n < times; n += 1) {
    yield Buffer.from('{"text":"');
    yield* repeated(filler, 20);
    yield Buffer.from('"}\n');
  }
}

function* bomb(): Generator<Buffer> {
  yield Buffer.from('{"text":"');
  yield* repeated(filler, 2_048);
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
await measure('10,000 good rows', () => send(repeated(good, 50)));
await wait(10_000);
await measure('10 GiB promised', promised);
await measure('ten rows of 20 MiB', () => send(longRows(10)));
await measure('CSV with a cell of 200 MiB', () =>
  send([Buffer.from('id,text\n1,"'), ...repeated(filler, 200)]),
);
await measure('gzip bomb: a row of 2 GiB', () => send(Readable.from(bomb()).pipe(createGzip({ level: 1 }))));
await measure('100,000 rows that are no UTF-8', () => send([good, ...repeated(badLines, 20)]));
await stop(service);
rmSync(folder, { recursive: true, force: true });
