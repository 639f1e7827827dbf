import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elements } from '../../src/domain/element.ts';
import { verdicts } from '../../src/domain/policy.ts';
import { giveReason } from '../../src/triage/reasons.ts';

const text = 'Bal segel ex Korea, bukan koleksi pribadi';
const span = (words: string, element: (typeof elements)[number], weight: number) => {
  const start = text.indexOf(words);
  return { start, end: start + words.length, element, weight };
};

test('says in both languages what speaks for and against, strongest first', () => {
  const spans = [
    span('Bal segel', 'bulk', 3),
    span('ex Korea', 'imported', 4),
    span('ex Korea', 'used', 2),
    span('koleksi pribadi', 'imported', -1),
  ];
  expect(giveReason(text, { verdict: 'flag', probability: 0.984, spans })).toEqual({
    id: 'Teks ini ditandai untuk ditinjau karena menurut model menawarkan pakaian bekas impor dengan probabilitas 0,98; yang mendukung: "ex Korea" (impor, bekas) dan "Bal segel" (partai besar); yang melemahkan: "koleksi pribadi" (impor).',
    en: 'This text is flagged for review because, by the model, it offers imported used clothing with a probability of 0.98; speaking for it: "ex Korea" (imported, used) and "Bal segel" (bulk); speaking against it: "koleksi pribadi" (imported).',
  });
});

test('a text without spans has a reason too', () => {
  expect(giveReason('soto', { verdict: 'clear', probability: 0.001, spans: [] }).id).toBe(
    'Teks ini tidak ditandai karena probabilitas penawaran pakaian bekas impor menurut model kurang dari 0,01, tanpa bagian yang jelas mendukung.',
  );
});

test('quotes nothing that is not in the text, in one line, whatever the text is', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
      fc.array(
        fc.tuple(fc.nat(299), fc.nat(299), fc.constantFrom(...elements), fc.integer({ min: -9, max: 9 })),
      ),
      fc.constantFrom(...verdicts),
      (any, places, verdict) => {
        const spans = places.map(([a, b, element, weight]) => ({
          start: Math.min(a, b, any.length - 1),
          end: Math.min(Math.max(a, b) + 1, any.length),
          element,
          weight,
        }));
        const { id, en } = giveReason(any, { verdict, probability: 0.5, spans });
        for (const sentence of [id, en]) {
          expect(sentence.isWellFormed()).toBe(true);
          expect(sentence).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          expect(sentence.length).toBeLessThan(1_000);
        }
      },
    ),
  );
});
