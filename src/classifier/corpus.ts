import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { requiredElements } from '../domain/element.ts';
import { Platform } from '../domain/listing.ts';

const Label = z.enum(['offer', 'other']);

/** A listing whose truth is known. */
export const CorpusRow = z
  .object({
    id: z.string().min(1),
    /** One author's voice, written in one sitting; batches, not rows, are dealt to the splits. */
    batch: z.string().min(1),
    /** The kind of listing it stands for. */
    slice: z.string().min(1),
    platform: Platform,
    text: z.string().min(1),
    elements: z.object({
      clothing: z.boolean(),
      used: z.boolean(),
      imported: z.boolean(),
      offered: z.boolean(),
      bulk: z.boolean(),
    }),
    label: Label,
  })
  .refine((row) => (row.label === 'offer') === requiredElements.every((element) => row.elements[element]), {
    path: ['label'],
    message: 'must be offer exactly when clothing, used, imported and offered are true',
  });
export type CorpusRow = z.infer<typeof CorpusRow>;

/** All rows, and a hash of exactly what was read. */
export type Corpus = { rows: CorpusRow[]; hash: string };

/**
 * Reads every .ndjson file of a folder, in the order of their names.
 *
 * @throws AppError CORPUS_INVALID naming file and line
 */
export async function readCorpus(dir: string): Promise<Corpus> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.ndjson')).sort();
  if (names.length === 0)
    throw new AppError('CORPUS_INVALID', 422, `${dir} holds no .ndjson file; name the folder of the corpus`);
  const hash = createHash('sha256');
  const rows: CorpusRow[] = [];
  const ids = new Set<string>();
  for (const name of names) {
    const text = await readFile(join(dir, name), 'utf8');
    hash.update(text);
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() === '') continue;
      const row = readRow(line, `${join(dir, name)}:${index + 1}`, CorpusRow);
      if (ids.has(row.id))
        throw new AppError(
          'CORPUS_INVALID',
          422,
          `${join(dir, name)}:${index + 1}: id ${row.id} stands twice`,
        );
      ids.add(row.id);
      rows.push(row);
    }
  }
  return { rows, hash: hash.digest('hex') };
}

/** A labelled text from anywhere; elements and slice may be unknown. */
export const LabelledRow = z.object({
  id: z.string().min(1),
  text: z.string().min(1),
  slice: z.string().min(1).default('all'),
  label: Label,
  elements: CorpusRow.shape.elements.partial().optional(),
});
export type LabelledRow = z.infer<typeof LabelledRow>;

/**
 * Reads one NDJSON file of labelled texts, as `evaluate` takes them.
 *
 * @throws AppError CORPUS_INVALID naming file and line
 */
export async function readLabelled(file: string): Promise<LabelledRow[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('FILE_UNREADABLE', 422, `${file} cannot be read; check the path`, { cause });
  });
  return text
    .split('\n')
    .flatMap((line, index) =>
      line.trim() === '' ? [] : [readRow(line, `${file}:${index + 1}`, LabelledRow)],
    );
}

function readRow<T>(line: string, place: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const problem = issue === undefined ? 'is not valid JSON' : `${issue.path.join('.')} ${issue.message}`;
    throw new AppError('CORPUS_INVALID', 422, `${place}: ${problem}`, { cause });
  }
}
