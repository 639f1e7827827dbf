import { readFile } from 'node:fs/promises';
import { StemmerId } from 'natural/lib/natural/stemmers/index.js';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { LexiconTerm, type TermMatch } from '../domain/lexicon-term.ts';
import { createWordReader, type WordReader } from './read-words.ts';

/** The words of the trade, ready to be found in texts. */
export type Lexicon = {
  terms: readonly LexiconTerm[];
  /** Terms that stand in a text, in its order: whole words, the longest form first, no word twice. */
  find(text: string): TermMatch[];
};

/** A form or a phrase as the classifier reads it. */
type Phrase = { words: string[]; term: LexiconTerm; means: boolean };

/** Endings are looked through only in words that are long enough to have one. */
const leastStemmed = 6;

/**
 * Reads data/lexicon/terms.ndjson.
 *
 * @throws AppError LEXICON_INVALID naming the line
 */
export async function readLexicon(file: string): Promise<Lexicon> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('LEXICON_INVALID', 500, `${file} cannot be read; put the lexicon back`, { cause });
  });
  const terms = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    try {
      return [LexiconTerm.parse(JSON.parse(line))];
    } catch (cause) {
      const [issue] = cause instanceof z.ZodError ? cause.issues : [];
      const problem = issue === undefined ? 'is not valid JSON' : `${issue.path.join('.')} ${issue.message}`;
      throw new AppError('LEXICON_INVALID', 500, `${file}:${index + 1}: ${problem}`, { cause });
    }
  });
  return createLexicon(terms);
}

/**
 * Makes a lexicon of terms. Text and forms are read alike, so spelling tricks do not hide a term. A word that is no
 * form is looked at once more without its endings (the `natural` package's Indonesian stemmer, after Tala 2003).
 */
export function createLexicon(terms: readonly LexiconTerm[]): Lexicon {
  const read = createWordReader();
  const phrases = phrasesByFirstWord(terms, read);
  return {
    terms,
    find(text) {
      const words = read(text);
      const texts = words.map((word) => word.text);
      const found: TermMatch[] = [];
      for (let at = 0; at < words.length; ) {
        const phrase = phraseAt(texts, at, phrases);
        const length = phrase?.words.length ?? 1;
        const start = words[at]?.start ?? 0;
        const end = words[at + length - 1]?.end ?? start;
        if (phrase?.means === true) found.push(matchOf(phrase.term, start, end));
        at += length;
      }
      return found;
    },
  };
}

function matchOf(found: LexiconTerm, start: number, end: number): TermMatch {
  const { term, element, speaks, strength, regions, meaning, source } = found;
  return { term, element, speaks, strength, regions, meaning, source, start, end };
}

function phrasesByFirstWord(terms: readonly LexiconTerm[], read: WordReader): Map<string, Phrase[]> {
  const phrases = new Map<string, Phrase[]>();
  const add = (written: string, term: LexiconTerm, means: boolean) => {
    const words = read(written).map(({ text }) => text);
    const [first] = words;
    if (first === undefined) return;
    const known = phrases.get(first) ?? [];
    known.push({ words, term, means });
    phrases.set(first, known);
  };
  for (const term of terms) {
    for (const form of term.forms) add(form, term, true);
    for (const phrase of term.notTo) add(phrase, term, false);
  }
  for (const known of phrases.values()) known.sort((a, b) => b.words.length - a.words.length);
  return phrases;
}

/** The longest phrase that begins at a word, be it a form or one that only looks like it. */
function phraseAt(words: readonly string[], at: number, phrases: Map<string, Phrase[]>): Phrase | null {
  const word = words[at] ?? '';
  const fits = (phrase: Phrase) =>
    phrase.words.every((each, index) => index === 0 || each === words[at + index]);
  const exact = phrases.get(word)?.find(fits);
  if (exact !== undefined) return exact;
  if (word.length < leastStemmed || !/^[a-z]+$/.test(word)) return null;
  return phrases.get(StemmerId.stem(word))?.find((phrase) => phrase.words.length === 1) ?? null;
}
