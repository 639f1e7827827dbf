import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { splits } from '../../src/classifier/corpus.ts';

/** The corpus in the repository. */
export const corpusDir = join(import.meta.dirname, '../../data/corpus');

/** The beginning of the corpus, small enough to train on in a moment; gone when the test has ended. */
export function smallCorpus(): string {
  const dir = mkdtempSync(join(tmpdir(), 'saring-corpus-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const split of splits) {
    mkdirSync(join(dir, split));
    const [name = ''] = readdirSync(join(corpusDir, split));
    const lines = readFileSync(join(corpusDir, split, name), 'utf8').split('\n');
    writeFileSync(join(dir, split, name), lines.filter((_line, index) => index % 3 === 0).join('\n'));
  }
  return dir;
}
