import { facebookApify, facebookMarketplace, facebookScraper } from './facebook.ts';
import type { SourceRecord } from './fields.ts';
import type { Format } from './format.ts';
import { googleResults } from './google.ts';
import { instagramApify, instaloader } from './instagram.ts';
import { shopee, tokopedia } from './marketplace.ts';
import { own } from './own.ts';
import { tiktokApify, tiktokItem } from './tiktok.ts';
import { tweetHarvest } from './x.ts';

/** Every format intake reads. The first that matches is taken, so our own, which asks for least, stands last. */
export const formats: readonly Format[] = [
  instaloader,
  instagramApify,
  tiktokApify,
  tiktokItem,
  facebookApify,
  facebookScraper,
  facebookMarketplace,
  shopee,
  tokopedia,
  tweetHarvest,
  googleResults,
  own,
];

/** The format a record is of, by its content; null when none knows it. */
export function recogniseFormat(record: SourceRecord): Format | null {
  return formats.find((format) => format.matches(record)) ?? null;
}
