import type { Assessment } from '../domain/assessment.ts';
import type { Element } from '../domain/element.ts';
import type { Bilingual } from '../domain/lexicon-term.ts';
import type { PictureMatch } from '../domain/picture.ts';
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
    id: `Teks ini dipantau tanpa ditandai karena probabilitas penawaran pakaian bekas impor menurut model ${id}`,
    en: `This text is watched but not flagged because, by the model, the probability that it offers imported used clothing is ${en}`,
  }),
  clear: ({ id, en }) => ({
    id: `Teks ini tidak ditandai karena probabilitas penawaran pakaian bekas impor menurut model ${id}`,
    en: `This text is not flagged because, by the model, the probability that it offers imported used clothing is ${en}`,
  }),
};

const lists = {
  id: new Intl.ListFormat('id', { type: 'conjunction' }),
  en: new Intl.ListFormat('en', { type: 'conjunction' }),
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
 * @param text the listing's text
 * @param pictureTexts the texts read from its pictures, as the assessment counts them
 */
export function giveReason(
  text: string,
  {
    verdict,
    probability,
    spans,
    pictureMatches = [],
  }: Pick<Assessment, 'verdict' | 'probability' | 'spans'> & Partial<Pick<Assessment, 'pictureMatches'>>,
  pictureTexts: readonly string[] = [],
): Bilingual {
  const opening = openings[verdict](sayProbability(probability));
  const support = strongest(spans, 1, namedFor).map((same) => name(text, pictureTexts, same));
  const match = pictureMatches.reduce<PictureMatch | null>(
    (best, each) => (each.added > (best?.added ?? 0) ? each : best),
    null,
  );
  if (match !== null) support.unshift(nameMatch(match));
  // Wholesale is not needed for the offence, so its absence is no doubt.
  const needed = spans.filter(({ element }) => element !== 'bulk');
  const doubt = strongest(needed, -1, namedAgainst).map((same) => name(text, pictureTexts, same));
  const say = (language: keyof Bilingual, named: Bilingual[]) =>
    lists[language].format(named.map((each) => each[language]));
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

/** Two places, and never a certainty that no model has. */
function sayProbability(probability: number): Bilingual {
  if (probability > 0.99) return { id: 'lebih dari 0,99', en: 'more than 0.99' };
  if (probability < 0.01) return { id: 'kurang dari 0,01', en: 'less than 0.01' };
  const written = probability.toFixed(2);
  return { id: written.replace('.', ','), en: written };
}

/** The stretches that speak one way, strongest first, each as the spans of its elements. */
function strongest(spans: readonly Span[], sign: 1 | -1, count: number): Span[][] {
  const stretches: { same: Span[]; weight: number }[] = [];
  for (const span of spans) {
    if (Math.sign(span.weight) !== sign) continue;
    const known = stretches.find(
      ({ same: [first] }) =>
        first?.start === span.start && first.end === span.end && first.picture === span.picture,
    );
    if (known === undefined) stretches.push({ same: [span], weight: Math.abs(span.weight) });
    else {
      known.same.push(span);
      known.weight += Math.abs(span.weight);
    }
  }
  return stretches
    .sort((a, b) => b.weight - a.weight)
    .slice(0, count)
    .map(({ same }) => same);
}

/** A stretch, quoted, with the elements it speaks of and the picture it stands in. */
function name(text: string, pictureTexts: readonly string[], same: readonly Span[]): Bilingual {
  const [first] = same;
  const { start, end, picture } = first ?? { start: 0, end: 0, picture: undefined };
  const source = picture === undefined ? text : (pictureTexts[picture - 1] ?? '');
  const quoted = quote(source.slice(start, end));
  const names = (language: keyof Bilingual) =>
    same.map(({ element }) => elementNames[element][language]).join(', ');
  const place =
    picture === undefined
      ? { id: '', en: '' }
      : { id: ` pada gambar ${picture}`, en: ` in picture ${picture}` };
  return { id: `"${quoted}"${place.id} (${names('id')})`, en: `"${quoted}"${place.en} (${names('en')})` };
}

/** A picture that is known from other listings. */
function nameMatch({ picture, listings, confirmed, distance }: PictureMatch): Bilingual {
  const same =
    distance === 0 ? { id: 'sama dengan', en: 'is the same as' } : { id: 'mirip dengan', en: 'is like' };
  return {
    id: `gambar ${picture} ${same.id} gambar pada ${listings} unggahan lain, ${confirmed} di antaranya dikonfirmasi peninjau`,
    en: `picture ${picture} ${same.en} one in ${listings} other ${listings === 1 ? 'listing' : 'listings'}, ${confirmed} of them confirmed by reviewers`,
  };
}

function quote(words: string): string {
  const line = words.toWellFormed().replace(control, ' ').trim();
  if (line.length <= quoteLength) return line;
  const plain = [...line];
  return plain.length <= quoteLength ? plain.join('') : `${plain.slice(0, quoteLength - 1).join('')}…`;
}
