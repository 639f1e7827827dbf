import { stringify } from 'csv-stringify/sync';
import { elements } from '../domain/element.ts';
import type { BatchResult } from '../store/batch-results.ts';

/** The forms in which results of a batch are to be had. */
export const batchResultFormats = ['ndjson', 'csv'] as const;
type BatchResultFormat = (typeof batchResultFormats)[number];

/** The media type of each form. */
export const mediaTypes: Record<BatchResultFormat, string> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
};

const columns = [
  'line',
  'id',
  'listingId',
  'probability',
  'verdict',
  ...elements,
  'modelVersion',
  'policyVersion',
  'problem',
];

/** Writes pages of results as text, a page at a time, CSV with a line of names. */
export async function* writeBatchResults(
  pages: AsyncIterable<readonly BatchResult[]>,
  format: BatchResultFormat,
): AsyncGenerator<string> {
  if (format === 'csv') yield `${columns.join(',')}\n`;
  for await (const page of pages) {
    yield format === 'csv'
      ? stringify(page.map(csvRow), { escape_formulas: true })
      : page.map((result) => `${JSON.stringify(ndjsonRow(result))}\n`).join('');
  }
}

/** A file name that no shell, browser or file system takes for anything else. */
export function resultFileName(batch: { id: string; name: string }, format: BatchResultFormat): string {
  const name = batch.name
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .replace(/[^A-Za-z0-9_]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return `${['saring', name, batch.id].filter((part) => part !== '').join('-')}.${format}`;
}

function ndjsonRow({ row: _row, ...result }: BatchResult) {
  const { line, id, problem } = result;
  if (problem !== null) return { line, id, problem };
  const { listingId, verdict, modelVersion, policyVersion } = result;
  return {
    line,
    id,
    listingId,
    probability: sixDecimals(result.probability),
    verdict,
    elements: Object.fromEntries(elements.map((element) => [element, sixDecimals(result.elements[element])])),
    modelVersion,
    policyVersion,
  };
}

function csvRow(result: BatchResult): (string | number | null)[] {
  const { line, id, problem } = result;
  if (problem !== null) return [line, id, ...columns.slice(3).map(() => null), problem];
  return [
    line,
    id,
    result.listingId,
    sixDecimals(result.probability),
    result.verdict,
    ...elements.map((element) => sixDecimals(result.elements[element])),
    result.modelVersion,
    result.policyVersion,
    null,
  ];
}

function sixDecimals(probability: number): number {
  return Math.round(probability * 1e6) / 1e6;
}
