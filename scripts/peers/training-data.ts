import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readLabelled } from '../../src/classifier/corpus.ts';
import { modelFiles } from '../../src/classifier/model-files.ts';
import { AppError } from '../../src/domain/app-error.ts';
import type { Example } from './peer.ts';

/** The halves of the background texts that `saring train` learns from and keeps. */
export async function readBackground(file: string | null): Promise<{ learned: Example[]; kept: Example[] }> {
  const rows = file === null ? [] : await readLabelled(file);
  const offer = rows.find(({ label }) => label === 'offer');
  if (offer !== undefined) {
    const message = `${file}: ${offer.id} is labelled offer; background texts are negatives`;
    throw new AppError('CORPUS_INVALID', 422, message);
  }
  return {
    learned: rows.filter((_row, index) => index % 2 === 0),
    kept: rows.filter((_row, index) => index % 2 === 1),
  };
}

/** Whether the model learned from the same bytes as the peers do, by the hash that training wrote down. */
export function learnedFromTheSame(modelDir: string, corpusHash: string, file: string | null): boolean {
  const metrics: unknown = JSON.parse(readFileSync(join(modelDir, modelFiles.metrics), 'utf8'));
  const { dataHash } = z.object({ dataHash: z.string() }).parse(metrics);
  if (file === null) return dataHash === corpusHash;
  return dataHash === createHash('sha256').update(corpusHash).update(readFileSync(file)).digest('hex');
}
