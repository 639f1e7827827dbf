import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';

/** The file that names the model in force. */
export const currentFile = 'current.json';
const Current = z.object({ version: z.string().regex(/^[\w.-]+$/) });

/**
 * The folder of a model: of the one asked for, else of the one that `current.json` names.
 *
 * @throws AppError MODEL_UNKNOWN
 */
export async function currentModelDir(modelsDir: string, version: string | null): Promise<string> {
  if (version !== null) return join(modelsDir, version);
  try {
    const current = Current.parse(JSON.parse(await readFile(join(modelsDir, currentFile), 'utf8')));
    return join(modelsDir, current.version);
  } catch (cause) {
    throw new AppError(
      'MODEL_UNKNOWN',
      500,
      `${join(modelsDir, currentFile)} names no model; run npm run train, or set SARING_MODEL`,
      {
        cause,
      },
    );
  }
}
