import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { type CorpusRow, readCorpus } from '../../src/classifier/corpus.ts';
import { createRandom, type Random } from '../../src/classifier/random.ts';

const corpusDir = join(import.meta.dirname, '../../data/corpus');
/** A seller has about so many posts in a night. */
const postsPerSeller = 8;
const dayMs = 24 * 60 * 60 * 1000;
const places = ['Bandung', 'Medan', 'Batam', 'Surabaya', 'Solo', 'Makassar', 'Pontianak', 'Palembang'];
const couriers = ['JNE', 'J&T', 'SiCepat', 'Anteraja', 'Ninja', 'COD'];
const marks = ['', '', ' 🙏', ' ✨', ' 🔥', '!!'];

/** How a night looks. */
export type Night = {
  /** The same seed gives the same listings. */
  seed: number;
  /** Share of listings whose text is an offer of the corpus; these are mostly flagged. */
  offers: number;
  /** Share of listings that show pictures. */
  pictures: number;
  /** When the night ends; listings were posted in the day before. */
  until: Date;
};

/** A night of few offers, as scrapers bring it, without pictures. */
export const usualNight = { seed: 1, offers: 0.02, pictures: 0 };

/** A listing as a line of our own NDJSON format. */
export type MadeListing = {
  id: string;
  platform: string;
  postId: string;
  url: string;
  seller: string;
  text: string;
  imageUrls: string[];
  postedAt: string;
};

/** Makes listings, number after number. No two share a post. */
export type ListingMaker = (number: number) => MadeListing;

/**
 * Makes listings of about 250 characters from the texts of the corpus, with other numbers, sellers and endings. What is no
 * offer is put together from two texts, so that a million of them are not copies of eleven thousand; offers do come again,
 * as they do in the trade.
 *
 * @param prefix begins every post's id, so that two makers' posts differ
 */
export async function createListingMaker(night: Night, prefix: string): Promise<ListingMaker> {
  const corpus = await readCorpus(corpusDir);
  const rows = [...corpus.train, ...corpus.validation, ...corpus.test];
  const offers = rows.filter(({ label }) => label === 'offer');
  const others = rows.filter(({ label }) => label === 'other');
  // Whatever stands beside an innocent text must not make an offer of it.
  const plain = others.filter(({ elements }) => !elements.imported && !elements.used);
  return (number) => {
    const random = createRandom(Math.imul(night.seed, 0x9e3779b1) ^ number);
    const isOffer = random() < night.offers;
    const main = pick(isOffer ? offers : others, random);
    const beside = isOffer ? '' : `\n${varyNumbers(pick(plain, random).text, random)}`;
    const id = `${prefix}${scatter(number).toString(36)}`;
    const shown = random() < night.pictures ? 1 + Math.floor(random() * 3) : 0;
    return {
      id,
      platform: main.platform,
      postId: id,
      url: `https://www.example.com/p/${id}`,
      seller: `seller.${Math.floor((number * random()) / postsPerSeller)}`,
      text: `${varyNumbers(main.text, random)}${beside}\n${ending(isOffer, random)}`,
      imageUrls: Array.from({ length: shown }, (_, n) => `https://cdn.example.com/${id}/${n + 1}.jpg`),
      postedAt: new Date(night.until.getTime() - Math.floor(random() * dayMs)).toISOString(),
    };
  };
}

/** Another number below 2^32 for every number below it: platforms' ids do not come in the order of an index. */
function scatter(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 0;
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('the corpus has no such text');
  return item;
}

/** Gives every number other digits, as many as it had. */
function varyNumbers(text: CorpusRow['text'], random: Random): string {
  return text.replace(/[1-9]\d*/g, (digits) =>
    Array.from(digits, () => String(1 + Math.floor(random() * 9))).join(''),
  );
}

function ending(long: boolean, random: Random): string {
  const phone = `08${String(Math.floor(random() * 1e10)).padStart(10, '0')}`;
  const short = `${10 + Math.floor(random() * 490)}rb, wa ${phone}${pick(marks, random)}`;
  if (!long) return short;
  return `${short}\nlokasi ${pick(places, random)}, kirim ${pick(couriers, random)} jam ${8 + Math.floor(random() * 12)}`;
}

/** Writes `count` listings as NDJSON, from number `from` on. */
export async function writeListings(
  file: string,
  make: ListingMaker,
  { from, count }: { from: number; count: number },
): Promise<void> {
  const output = createWriteStream(file);
  for (let number = from; number < from + count; number += 1)
    if (!output.write(`${JSON.stringify(make(number))}\n`)) await once(output, 'drain');
  output.end();
  await once(output, 'finish');
}
