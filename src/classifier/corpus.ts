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
    /** One author's voice, written in one sitting. */
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

/** What a part of the corpus is for: to learn from, to calibrate and choose the policy on, or to judge by. */
export const splits = ['train', 'validation', 'test'] as const;
export type Split = (typeof splits)[number];

/** The rows of each split, and a hash of exactly what was read. */
export type Corpus = Record<Split, CorpusRow[]> & { hash: string };

/**
 * Reads the corpus: a folder for each split, with one .ndjson file for each author. Whole authors, not rows, are kept
 * apart, so that the figures say how the model fares with people it has never read.
 *
 * @throws AppError CORPUS_INVALID naming file and line
 */
export async function readCorpus(dir: string): Promise<Corpus> {
  const hash = createHash('sha256');
  const corpus: Corpus = { train: [], validation: [], test: [], hash: '' };
  const ids = new Set<string>();
  for (const split of splits) {
    const names = (await readdir(join(dir, split)).catch(() => [])).filter((name) =>
      name.endsWith('.ndjson'),
    );
    if (names.length === 0) {
      throw new AppError(
        'CORPUS_INVALID',
        422,
        `${join(dir, split)} holds no .ndjson file; name a folder with ${splits.join(', ')} in it`,
      );
    }
    for (const name of names.sort()) {
      const file = join(dir, split, name);
      const text = await readFile(file, 'utf8');
      hash.update(`${split}\n${text}`);
      for (const { row, place } of readRows(text, file, CorpusRow)) {
        if (ids.has(row.id)) throw new AppError('CORPUS_INVALID', 422, `${place}: id ${row.id} stands twice`);
        ids.add(row.id);
        corpus[split].push(row);
      }
    }
  }
  return { ...corpus, hash: hash.digest('hex') };
}

/** A labelled text from anywhere; elements and slice may be unknown. */
export const LabelledRow = z.object({
  id: z.string().min(1),
  text: z.string().min(1),
  slice: z.string().min(1).default('all'),
  label: Label,
  /** The collection it comes from, where it was not written for us. */
  source: z.string().optional(),
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
  return readRows(text, file, LabelledRow).map(({ row }) => row);
}

function readRows<T>(text: string, file: string, schema: z.ZodType<T>): { row: T; place: string }[] {
  return text.split('\n').flatMap((line, index) => {
    const place = `${file}:${index + 1}`;
    return line.trim() === '' ? [] : [{ row: readRow(line, place, schema), place }];
  });
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
