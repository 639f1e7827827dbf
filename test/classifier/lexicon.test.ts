import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLexicon, readLexicon } from '../../src/classifier/lexicon.ts';
import { createWordReader } from '../../src/classifier/read-words.ts';

const file = join(import.meta.dirname, '../../data/lexicon/terms.ndjson');
const lexicon = await readLexicon(file);

function found(text: string): [string, string][] {
  return lexicon.find(text).map(({ start, end, term }) => [text.slice(start, end), term]);
}

test('every term is known once, says what it means in both languages and where that is from', () => {
  expect(lexicon.terms.length).toBeGreaterThanOrEqual(140);
  const names = lexicon.terms.map(({ term }) => term);
  expect(new Set(names).size).toBe(names.length);
  for (const term of lexicon.terms) {
    expect(term.meaning.id.length).toBeGreaterThan(5);
    expect(term.meaning.en.length).toBeGreaterThan(5);
    expect(term.source.length).toBeGreaterThan(10);
  }
});

test('no form means two things', () => {
  const read = createWordReader();
  const forms = lexicon.terms.flatMap(({ forms: each, term }) =>
    [
      ...new Set(
        each.map((form) =>
          read(form)
            .map(({ text }) => text)
            .join(' '),
        ),
      ),
    ].map((form) => ({ form, term })),
  );
  const byForm = Map.groupBy(forms, ({ form }) => form);
  expect([...byForm.values()].filter((same) => same.length > 1)).toEqual([]);
});

test.each([
  ['CAKAR baru bongkar', ['CAKAR', 'cakar']],
  ['jual c4k4r murah', ['c4k4r', 'cakar']],
  ['ready b a l segel dua', ['b a l segel', 'bal segel']],
])('finds the words of the trade in %s', (text, pair) => {
  expect(found(text)).toContainEqual(pair);
});

test.each(['soto cakar ayam', 'nonton balapan di sirkuit monza', 'main bal bola di lapangan'])(
  'takes nothing that only looks like one in %s',
  (text) => {
    const terms = found(text).map(([, term]) => term);
    for (const term of ['cakar', 'monza', 'bal']) expect(terms).not.toContain(term);
  },
);

test('every term is found in the sentence that only says it, at its place', () => {
  for (const { term, forms } of lexicon.terms) {
    const [form = ''] = forms;
    const [match] = createLexicon(lexicon.terms.filter((each) => each.term === term)).find(form);
    expect([form, match?.start, match?.end]).toEqual([form, 0, form.length]);
  }
});

test('a text that repeats a word a hundred thousand times shows it once', () => {
  const matches = lexicon.find('bal segel '.repeat(100_000));
  expect(matches.map(({ term, start }) => [term, start])).toEqual([['bal segel', 0]]);
});

test('a damaged lexicon is named by its line', async () => {
  await expect(readLexicon(join(import.meta.dirname, 'lexicon.test.ts'))).rejects.toMatchObject({
    code: 'LEXICON_INVALID',
    message: expect.stringContaining('lexicon.test.ts:1'),
  });
});
