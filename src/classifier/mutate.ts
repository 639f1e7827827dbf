import type { Random } from './random.ts';

/** A way to write the same thing otherwise, as sellers do to slip past word filters or by carelessness. */
type Mutation = (text: string, random: Random) => string;

const leetOf: Record<string, string> = { a: '4', i: '1', e: '3', o: '0', s: '5', b: '8' };
const cyrillicOf: Record<string, string> = { a: 'а', e: 'е', o: 'о', p: 'р', c: 'с', x: 'х', i: 'і' };

/** Applies `change` to some of the words of four letters and more. */
function someWords(text: string, random: Random, change: (word: string) => string): string {
  return text.replace(/\p{L}{4,}/gu, (word) => (random() < 0.3 ? change(word) : word));
}

function eachLetter(word: string, random: Random, share: number, change: (letter: string) => string): string {
  return [...word].map((letter) => (random() < share ? change(letter) : letter)).join('');
}

const mutations: readonly Mutation[] = [
  (text) => text.toUpperCase(),
  (text) => text.toLowerCase(),
  (text, random) =>
    someWords(text, random, (word) =>
      eachLetter(word, random, 0.4, (letter) => leetOf[letter.toLowerCase()] ?? letter),
    ),
  (text, random) => someWords(text, random, (word) => [...word].join(random() < 0.5 ? ' ' : '.')),
  (text, random) =>
    someWords(text, random, (word) =>
      eachLetter(word, random, 0.4, (letter) => cyrillicOf[letter.toLowerCase()] ?? letter),
    ),
  (text, random) =>
    someWords(text, random, (word) => `${word}${(word.at(-1) ?? '').repeat(1 + Math.floor(random() * 3))}`),
  (text, random) => someWords(text, random, (word) => [...word].join('\u200b')),
  (text, random) => someWords(text, random, (word) => typo(word, random)),
  (text) => text.replace(/\p{Extended_Pictographic}\uFE0F?/gu, ''),
  (text, random) =>
    text
      .split(/\s+/)
      .filter(() => random() > 0.1)
      .join(' '),
];

/** Swaps two neighbouring letters, or drops one. */
function typo(word: string, random: Random): string {
  const letters = [...word];
  const at = 1 + Math.floor(random() * (letters.length - 2));
  const [letter = ''] = letters.splice(at, 1);
  if (random() < 0.5) letters.splice(at + 1, 0, letter);
  return letters.join('');
}

/** The text after one mutation drawn at random; the same random stream gives the same text. */
export function mutate(text: string, random: Random): string {
  const mutation = mutations[Math.floor(random() * mutations.length)];
  const mutated = mutation === undefined ? text : mutation(text, random);
  return mutated.trim() === '' ? text : mutated;
}
