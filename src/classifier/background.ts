import { AppError } from '../domain/app-error.ts';
import { type LabelledRow, readLabelled } from './corpus.ts';

/** Real texts that offer no imported used clothing, in parts that share no text. */
export type Background = {
  /** Half of them, which the model learns from. */
  learned: LabelledRow[];
  /** A quarter, by which the flag threshold is chosen. */
  chosenBy: LabelledRow[];
  /** A quarter by which nothing is chosen, so that it tells how the model fares with real texts. */
  reported: LabelledRow[];
};

/**
 * Reads NDJSON files of real negatives and deals them out: by their place, so that every part holds the same mixture
 * of collections and the same files always give the same parts.
 *
 * @throws AppError CORPUS_INVALID for a text that is labelled an offer, or FILE_UNREADABLE
 */
export async function readBackground(files: readonly string[]): Promise<Background> {
  const rows = (await Promise.all(files.map(readNegatives))).flat();
  return {
    learned: rows.filter((_row, index) => index % 2 === 0),
    chosenBy: rows.filter((_row, index) => index % 4 === 1),
    reported: rows.filter((_row, index) => index % 4 === 3),
  };
}

async function readNegatives(file: string): Promise<LabelledRow[]> {
  const rows = await readLabelled(file);
  const offer = rows.find(({ label }) => label === 'offer');
  if (offer === undefined) return rows;
  throw new AppError(
    'CORPUS_INVALID',
    422,
    `${file}: ${offer.id} is labelled offer; background texts are negatives, so put it into the corpus instead`,
  );
}

/** How many texts each collection gave. */
export function countSources(rows: readonly LabelledRow[]): Record<string, number> {
  const bySource = Map.groupBy(rows, ({ source }) => source ?? 'no source named');
  return Object.fromEntries([...bySource].map(([source, part]) => [source, part.length]));
}
