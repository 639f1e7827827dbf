import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder until the end of the test. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saring-captures-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Where a copy lies, said here once more so that a change of the layout is noticed. */
export function fileOf(folder: string, sha256: string): string {
  return join(folder, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
}

/** Everything a stream gives, sorted. */
export async function sorted(hashes: AsyncIterable<string>): Promise<string[]> {
  return (await Array.fromAsync(hashes)).sort();
}
