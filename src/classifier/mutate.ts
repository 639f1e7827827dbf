import type { Random } from './random.ts';

/** A way to write the same thing otherwise, as sellers do to slip past word filters or by carelessness. */
export type Mutation = (text: string, random: Random) => string;

const leetOf: Record<string, string> = { a: '4', i: '1', e: '3', o: '0', s: '5', b: '8' };
const cyrillicOf: Record<string, string> = { a: 'а', e: 'е', o: 'о', p: 'р', c: 'с', x: 'х', i: 'і' };
const emoji = ['🔥', '✨', '👕', '💯', '🥰', '🧥', '😍', '🛒'];

/** Share of the words of four letters and more that a mutation changes. */
const changedWords = 0.3;
const changedLetters = 0.4;

function someWords(text: string, random: Random, change: (word: string) => string): string {
  return text.replace(/\p{L}{4,}/gu, (word) => (random() < changedWords ? change(word) : word));
}

function someLetters(text: string, random: Random, letterOf: Record<string, string>): string {
  return someWords(text, random, (word) =>
    [...word]
      .map((letter) => (random() < changedLetters ? (letterOf[letter.toLowerCase()] ?? letter) : letter))
      .join(''),
  );
}

/** Vowels with the consonants before them, and one after them that no vowel follows. */
const syllables = /[^aiueo]*[aiueo]+(?:[^aiueo](?![aiueo]))?/gi;

/** Every way, by name: what the model is taught with, and what it is tested against. */
export const mutations = {
  leet: (text, random) => someLetters(text, random, leetOf),
  spacing: (text, random) => someWords(text, random, (word) => [...word].join(random() < 0.5 ? ' ' : '.')),
  homoglyphs: (text, random) => someLetters(text, random, cyrillicOf),
  repeatedLetters: (text, random) =>
    someWords(text, random, (word) => `${word}${(word.at(-1) ?? '').repeat(1 + Math.floor(random() * 3))}`),
  emojiBetween: (text, random) =>
    text.replace(/ /g, () =>
      random() < changedWords ? ` ${emoji[Math.floor(random() * emoji.length)]} ` : ' ',
    ),
  noEmoji: (text) => text.replace(/\p{Extended_Pictographic}\uFE0F?/gu, ''),
  gluedHashtags: (text, random) =>
    text.replace(/(\p{L}+) (\p{L}+)(?: (\p{L}+))?/gu, (run, ...words: (string | undefined)[]) =>
      random() < changedWords ? `#${words.slice(0, 3).join('')}` : run,
    ),
  reversedSyllables: (text, random) =>
    someWords(text, random, (word) => {
      const parts = word.match(syllables) ?? [];
      return parts.join('') === word ? parts.reverse().join('') : word;
    }),
  upperCase: (text) => text.toUpperCase(),
  lowerCase: (text) => text.toLowerCase(),
  zeroWidth: (text, random) => someWords(text, random, (word) => [...word].join('\u200b')),
  noVowels: (text, random) =>
    someWords(text, random, (word) => word.slice(0, 1) + word.slice(1).replace(/[aiueo]/gi, '')),
  typos: (text, random) => someWords(text, random, (word) => typo(word, random)),
  droppedWords: (text, random) =>
    text
      .split(/\s+/)
      .filter(() => random() > 0.1)
      .join(' '),
} as const satisfies Record<string, Mutation>;

/** Swaps two neighbouring letters, or drops one. */
function typo(word: string, random: Random): string {
  const letters = [...word];
  const at = 1 + Math.floor(random() * (letters.length - 2));
  const [letter = ''] = letters.splice(at, 1);
  if (random() < 0.5) letters.splice(at + 1, 0, letter);
  return letters.join('');
}

const all: readonly Mutation[] = Object.values(mutations);

/** The text after one mutation drawn at random; the same random stream gives the same text. */
export function mutate(text: string, random: Random): string {
  const mutation = all[Math.floor(random() * all.length)];
  const mutated = mutation === undefined ? text : mutation(text, random);
  return mutated.trim() === '' ? text : mutated;
}
