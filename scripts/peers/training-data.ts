import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { modelFiles } from '../../src/classifier/model-files.ts';

/** Whether the model learned from the same bytes as the peers do, by the hash that training wrote down. */
export function learnedFromTheSame(modelDir: string, corpusHash: string, file: string | null): boolean {
  const metrics: unknown = JSON.parse(readFileSync(join(modelDir, modelFiles.metrics), 'utf8'));
  const { dataHash } = z.object({ dataHash: z.string() }).parse(metrics);
  if (file === null) return dataHash === corpusHash;
  return dataHash === createHash('sha256').update(corpusHash).update(readFileSync(file)).digest('hex');
}
