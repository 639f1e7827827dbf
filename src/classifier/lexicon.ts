import { readFile } from 'node:fs/promises';
import { StemmerId } from 'natural/lib/natural/stemmers/index.js';
import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { LexiconTerm, type TermMatch } from '../domain/lexicon-term.ts';
import { createWordReader, type WordReader } from './read-words.ts';

/** The words of the trade, ready to be found in texts. */
export type Lexicon = {
  terms: readonly LexiconTerm[];
  /**
   * Terms that stand in a text, each once, where it first stands: whole words, the longest form first, no word twice.
   * Once, so that a text that repeats itself makes no answer that fills memory.
   */
  find(text: string): TermMatch[];
};

/** A form or a phrase as the classifier reads it. */
type Phrase = { words: string[]; term: LexiconTerm; means: boolean };

/** Endings are looked through only in words that are long enough to have one. */
const leastStemmed = 6;
const rememberedWords = 16_384;

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
  const beginning = createLookup(phrases);
  return {
    terms,
    find(text) {
      const words = read(text);
      const texts = words.map((word) => word.text);
      const found = new Map<LexiconTerm, TermMatch>();
      for (let at = 0; at < words.length; ) {
        const phrase = beginning(texts[at] ?? '').find(({ words: rest }) => goesOn(rest, texts, at)) ?? null;
        const length = phrase?.words.length ?? 1;
        const start = words[at]?.start ?? 0;
        const end = words[at + length - 1]?.end ?? start;
        if (phrase?.means === true && !found.has(phrase.term))
          found.set(phrase.term, matchOf(phrase.term, start, end));
        at += length;
      }
      return [...found.values()];
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

/**
 * The phrases that may begin with a word, the longest first. What was found is remembered, since a stem costs 40 µs;
 * the bound keeps hostile text from filling memory.
 */
function createLookup(phrases: ReadonlyMap<string, Phrase[]>): (word: string) => readonly Phrase[] {
  const known = new Map<string, readonly Phrase[]>();
  return (word) => {
    const exact = phrases.get(word) ?? known.get(word);
    if (exact !== undefined) return exact;
    const stemmed =
      word.length >= leastStemmed && /^[a-z]+$/.test(word)
        ? (phrases.get(StemmerId.stem(word))?.filter(({ words }) => words.length === 1) ?? [])
        : [];
    if (known.size >= rememberedWords) known.clear();
    known.set(word, stemmed);
    return stemmed;
  };
}

/** Whether the words after the first stand in the text, too. */
function goesOn(phrase: readonly string[], words: readonly string[], at: number): boolean {
  for (let index = 1; index < phrase.length; index += 1)
    if (phrase[index] !== words[at + index]) return false;
  return true;
}
