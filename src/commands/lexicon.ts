import type { TermMatch } from '../domain/lexicon-term.ts';
import { formatTable, oneLine } from './table.ts';

/** The words of the trade in a text as a table for a terminal. */
export function formatTerms(text: string, found: readonly TermMatch[]): string {
  const rows = found.map(({ start, end, term, element, speaks, strength, regions, meaning }) => [
    oneLine(text.slice(start, end), 24),
    term,
    `${speaks} ${element}`,
    String(strength),
    regions.join(', ') || '–',
    oneLine(meaning.id, 70),
    oneLine(meaning.en, 70),
  ]);
  return formatTable(['in the text', 'term', 'speaks', 'strength', 'region', 'arti', 'meaning'], rows);
}
