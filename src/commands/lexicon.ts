import { readLexicon } from '../classifier/lexicon.ts';
import type { TermMatch } from '../domain/lexicon-term.ts';
import { formatTable, oneLine } from './table.ts';

/**
 * Says which words of the trade stand in a text.
 *
 * @throws AppError LEXICON_INVALID
 */
export async function checkText(text: string, lexiconFile: string): Promise<string> {
  const { find } = await readLexicon(lexiconFile);
  const found = find(text);
  return found.length === 0 ? 'No word of the trade stands in this text.' : formatTerms(text, found);
}

/** The words of the trade in a text as a table for a terminal. */
function formatTerms(text: string, found: readonly TermMatch[]): string {
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
