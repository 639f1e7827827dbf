import type { Assessment } from '../domain/assessment.ts';
import type { Element } from '../domain/element.ts';
import type { Bilingual } from '../domain/lexicon-term.ts';
import type { Verdict } from '../domain/policy.ts';
import type { Span } from '../domain/score.ts';

const elementNames: Record<Element, Bilingual> = {
  clothing: { id: 'pakaian', en: 'clothing' },
  used: { id: 'bekas', en: 'used' },
  imported: { id: 'impor', en: 'imported' },
  offered: { id: 'ditawarkan', en: 'offered' },
  bulk: { id: 'partai besar', en: 'bulk' },
};

const openings: Record<Verdict, (probability: Bilingual) => Bilingual> = {
  flag: ({ id, en }) => ({
    id: `Teks ini ditandai untuk ditinjau karena menurut model menawarkan pakaian bekas impor dengan probabilitas ${id}`,
    en: `This text is flagged for review because, by the model, it offers imported used clothing with a probability of ${en}`,
  }),
  watch: ({ id, en }) => ({
    id: `Teks ini dipantau tanpa ditandai karena probabilitas penawaran pakaian bekas impor menurut model hanya ${id}`,
    en: `This text is watched but not flagged because, by the model, the probability that it offers imported used clothing is only ${en}`,
  }),
  clear: ({ id, en }) => ({
    id: `Teks ini tidak ditandai karena probabilitas penawaran pakaian bekas impor menurut model hanya ${id}`,
    en: `This text is not flagged because, by the model, the probability that it offers imported used clothing is only ${en}`,
  }),
};

/** Stretches named on each side; more would not be read. */
const namedFor = 3;
const namedAgainst = 2;
const quoteLength = 60;
const control = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu;

/**
 * Why a text got its verdict, in one formal sentence, made of the verdict, the probability and the strongest spans
 * alone: what speaks for the offence, and what against it.
 *
 * @param text the text that the spans point into
 */
export function giveReason(
  text: string,
  { verdict, probability, spans }: Pick<Assessment, 'verdict' | 'probability' | 'spans'>,
): Bilingual {
  const percent = probability.toFixed(2);
  const opening = openings[verdict]({ id: percent.replace('.', ','), en: percent });
  const support = stretches(text, spans, 1).slice(0, namedFor);
  const doubt = stretches(text, spans, -1).slice(0, namedAgainst);
  const say = (language: keyof Bilingual, words: Bilingual[][]) =>
    words
      .map((parts) => parts.map((part) => part[language]).join(''))
      .join(language === 'id' ? ' dan ' : ' and ');
  const both = (id: string, en: string) => ({ id, en });
  const parts = [
    opening,
    support.length === 0
      ? both(', tanpa bagian yang jelas mendukung', ', with no stretch that clearly speaks for it')
      : both(`; yang mendukung: ${say('id', support)}`, `; speaking for it: ${say('en', support)}`),
    doubt.length === 0
      ? both('.', '.')
      : both(`; yang melemahkan: ${say('id', doubt)}.`, `; speaking against it: ${say('en', doubt)}.`),
  ];
  return both(parts.map(({ id }) => id).join(''), parts.map(({ en }) => en).join(''));
}

/** The stretches that speak one way, strongest first, each quoted with the elements it speaks of. */
function stretches(text: string, spans: readonly Span[], sign: 1 | -1): Bilingual[][] {
  const speaking = spans.filter(({ weight }) => Math.sign(weight) === sign);
  return [...Map.groupBy(speaking, ({ start, end }) => `${start}-${end}`).values()]
    .map((same) => ({ same, weight: same.reduce((sum, { weight }) => sum + Math.abs(weight), 0) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ same }) => {
      const [{ start, end } = { start: 0, end: 0 }] = same;
      const quoted = `“${quote(text.slice(start, end))}”`;
      const names = same.map(({ element }) => elementNames[element]);
      return [
        { id: quoted, en: quoted },
        {
          id: ` (${names.map(({ id }) => id).join(', ')})`,
          en: ` (${names.map(({ en }) => en).join(', ')})`,
        },
      ];
    });
}

function quote(words: string): string {
  const plain = [...words.toWellFormed().replace(control, ' ').trim()];
  return plain.length <= quoteLength ? plain.join('') : `${plain.slice(0, quoteLength - 1).join('')}…`;
}
