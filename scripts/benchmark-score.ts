/**
 * `saring score`: how long after its start the first score comes, and, over listings made from the samples, posts per
 * second and peak memory with one thread and with two, for one file and for one that is a hundred times smaller.
 * Usage: node scripts/benchmark-score.ts [listings]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readListings } from '../src/intake/read-listings.ts';

const listings = Number(process.argv[2] ?? 100_000);
const samples = join(import.meta.dirname, '../data/samples');
const main = join(import.meta.dirname, '../src/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'saring-score-'));

const texts: string[] = [];
for (const name of readdirSync(samples).filter((each) => !each.endsWith('.md'))) {
  for await (const row of readListings(createReadStream(join(samples, name)), { now: new Date() })) {
    if ('listing' in row) texts.push(row.listing.text);
  }
}

async function makeFile(count: number): Promise<string> {
  const file = join(folder, `${count}.ndjson`);
  const output = createWriteStream(file);
  for (let n = 0; n < count; n += 1) {
    // Numbers and neighbours vary, so that not every word has been seen before.
    const text = `${texts[n % texts.length]} ${texts[(n * 7 + 3) % texts.length]?.slice(0, n % 60)} kode${n} ${n % 997}k`;
    if (!output.write(`${JSON.stringify({ id: `n${n}`, text })}\n`)) await once(output, 'drain');
  }
  output.end();
  await once(output, 'finish');
  return file;
}

async function firstScoreMs(): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [main, 'score', '-'], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.end('{"text":"bal segel import korea"}\n');
  await once(child.stdout, 'data');
  const took = performance.now() - began;
  await once(child, 'close');
  return took;
}

async function measure(count: number, threads: number): Promise<void> {
  const file = await makeFile(count);
  const out = join(folder, 'out.ndjson');
  const child = spawn(process.execPath, [main, 'score', file, '--out', out, '--threads', String(threads)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let summary = '';
  child.stderr.on('data', (piece: Buffer) => {
    summary += piece.toString();
  });
  let peakKiB = 0;
  const watch = setInterval(() => {
    try {
      peakKiB = Number(
        /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peakKiB,
      );
    } catch {
      // it has just ended
    }
  }, 50);
  await once(child, 'close');
  clearInterval(watch);
  let rows = 0;
  for await (const _ of createInterface(createReadStream(out))) rows += 1;
  console.log(
    `${threads} thread${threads === 1 ? '' : 's'}, ${count} listings, ${(statSync(file).size / 1e6).toFixed(1)} MB: ${summary.trim()}; ${rows} result rows; peak memory ${(peakKiB / 1024).toFixed(0)} MiB`,
  );
}
const starts: number[] = [];
for (let start = 0; start < 7; start += 1) starts.push(await firstScoreMs());
starts.sort((a, b) => a - b);
console.log(
  `first score after ${starts[3]?.toFixed(0)} ms (median of ${starts.length} starts, ${starts[0]?.toFixed(0)} to ${starts.at(-1)?.toFixed(0)})`,
);
for (const threads of [1, 2]) {
  for (const count of [listings / 100, listings]) await measure(count, threads);
}
rmSync(folder, { recursive: true, force: true });
