import { mutations } from '../../src/classifier/mutate.ts';
import type { Random } from '../../src/classifier/random.ts';

/** What somebody does to a text when they post it again. */
type Edit = (text: string, random: Random) => string;

const hashtags = ['#thrift', '#baju', '#preloved', '#fashionmurah', '#olshop'];
const fillers = ['kak', 'gaes', 'ready', 'banget', 'yuk', 'langsung', 'murah', 'terbaru'];
const emoji = ['🔥', '✨', '👕', '💯', '🥰', '🧥', '😍', '🛒'];

function pick<T>(list: readonly T[], random: Random, otherwise: T): T {
  return list[Math.floor(random() * list.length)] ?? otherwise;
}

function number(digits: number, random: Random): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 10)).join('');
}

/** Changes one word, drawn among those of three letters and more. */
function atOneWord(text: string, random: Random, change: (word: string) => string): string {
  const words = [...text.matchAll(/\p{L}{3,}/gu)];
  const { 0: word, index } = words[Math.floor(random() * words.length)] ?? { 0: '', index: 0 };
  return text.slice(0, index) + change(word) + text.slice(index + word.length);
}

const otherNumbers: Edit = (text, random) => text.replace(/\d+/g, (run) => number(run.length, random));
const addPhone: Edit = (text, random) => `${text} WA 08${number(10, random)}`;
const addEmoji: Edit = (text, random) => `${pick(emoji, random, '')}${text} ${pick(emoji, random, '')}`;
const addName: Edit = (text, random) => `${text} @toko.${number(3, random)}`;
const addHashtag: Edit = (text, random) => `${text} ${pick(hashtags, random, '')}`;
const changeWord: Edit = (text, random) => atOneWord(text, random, () => pick(fillers, random, ''));
const dropWord: Edit = (text, random) => atOneWord(text, random, () => '');
const addWord: Edit = (text, random) =>
  atOneWord(text, random, (word) => `${word} ${pick(fillers, random, '')}`);
const swapLines: Edit = (text) => {
  const lines = text.split(/(?<=[.!?\n])\s*/).filter((line) => line !== '');
  return lines.length > 1 ? [...lines.slice(1), ...lines.slice(0, 1)].join('\n') : text;
};
const oneTypo: Edit = (text, random) =>
  atOneWord(text, random, (word) => {
    const at = Math.floor(random() * (word.length - 1));
    return word.slice(0, at) + word.slice(at + 1);
  });
const { emojiBetween, noEmoji, upperCase, homoglyphs, zeroWidth, repeatedLetters, typos, leet, spacing } =
  mutations;

/** Every edit by name, the harmless first. The last four are what sellers do against word filters. */
export const edits: readonly { name: string; edit: Edit }[] = [
  { name: 'other prices and numbers', edit: otherNumbers },
  { name: 'a phone number more', edit: addPhone },
  { name: 'emoji before and after', edit: addEmoji },
  { name: 'emoji between words', edit: emojiBetween },
  { name: 'no emoji', edit: noEmoji },
  { name: 'an @name more', edit: addName },
  { name: 'capital letters', edit: upperCase },
  {
    name: 'all of these at once',
    edit: (text, random) =>
      upperCase(addName(addEmoji(addPhone(otherNumbers(text, random), random), random), random)),
  },
  { name: 'a hashtag more', edit: addHashtag },
  { name: 'a word changed', edit: changeWord },
  { name: 'a word dropped', edit: dropWord },
  { name: 'a word more', edit: addWord },
  { name: 'a letter dropped', edit: oneTypo },
  { name: 'first sentence last', edit: swapLines },
  {
    name: 'two words changed, a hashtag more, other numbers',
    edit: (text, random) =>
      addHashtag(otherNumbers(changeWord(changeWord(text, random), random), random), random),
  },
  { name: 'letters repeated, 30 % of words', edit: repeatedLetters },
  { name: 'zero-width characters, 30 % of words', edit: zeroWidth },
  { name: 'look-alikes, 30 % of words', edit: homoglyphs },
  { name: 'typos, 30 % of words', edit: typos },
  { name: 'digits for letters, 30 % of words', edit: leet },
  { name: 'letters apart, 30 % of words', edit: spacing },
];
