import { addressesAt, isRecord, joinTexts, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Apify's Facebook posts and groups scrapers. */
export const facebookApify: Format = {
  name: 'facebook-apify',
  writtenBy: 'Apify Facebook scrapers',
  matches: (record) =>
    (Object.hasOwn(record, 'facebookUrl') ||
      Object.hasOwn(record, 'facebookId') ||
      Object.hasOwn(record, 'topLevelUrl')) &&
    (Object.hasOwn(record, 'text') || Object.hasOwn(record, 'postId')),
  read: (record) => ({
    id: textAt(record, 'postId', 'legacyId', 'id'),
    platform: 'facebook',
    postId: textAt(record, 'postId', 'legacyId', 'id'),
    url: textAt(record, 'url', 'topLevelUrl'),
    seller: textAt(record, 'user.name', 'pageName', 'user.id'),
    text: joinTexts(textAt(record, 'title'), textAt(record, 'text')),
    imageUrls: addressesAt(
      record,
      ['media', 'attachments'],
      ['photo_image.uri', 'image.uri', 'thumbnail'],
    ).filter(isWebAddress),
    postedAt: timeAt(record, 'time', 'timestamp'),
  }),
};

/** The facebook-scraper library's posts, as JSON or as the CSV its command line writes. */
export const facebookScraper: Format = {
  name: 'facebook-scraper',
  writtenBy: 'the facebook-scraper library',
  matches: (record) =>
    Object.hasOwn(record, 'post_id') && Object.hasOwn(record, 'post_url') && Object.hasOwn(record, 'text'),
  read: (record) => ({
    id: textAt(record, 'post_id'),
    platform: 'facebook',
    postId: textAt(record, 'post_id'),
    url: textAt(record, 'post_url'),
    seller: textAt(record, 'username', 'user_id'),
    text: textAt(record, 'text', 'post_text'),
    imageUrls: addressesAt(record, ['images', 'image']).map(unquoted),
    postedAt: timeAt(record, 'timestamp', 'time'),
  }),
};

/** Apify's Facebook Marketplace scrapers. */
export const facebookMarketplace: Format = {
  name: 'facebook-marketplace',
  writtenBy: 'Apify Facebook Marketplace scrapers',
  matches: (record) => Object.hasOwn(record, 'marketplace_listing_title') || isRecord(record.listing_price),
  read: (record) => ({
    id: textAt(record, 'id'),
    platform: 'facebook',
    postId: textAt(record, 'id'),
    url: textAt(record, 'listingUrl', 'url', 'facebookUrl'),
    seller: textAt(record, 'marketplace_listing_seller.name', 'seller.name'),
    text: joinTexts(
      textAt(record, 'marketplace_listing_title', 'listingTitle', 'title'),
      textAt(record, 'redacted_description.text', 'description.text', 'description'),
    ),
    imageUrls: addressesAt(
      record,
      ['primary_listing_photo', 'listing_photos'],
      ['image.uri', 'photo_image_url'],
    ),
    postedAt: timeAt(record, 'creation_time', 'timestamp'),
  }),
};

function isWebAddress(address: string): boolean {
  return address.startsWith('https://') || address.startsWith('http://');
}

/** A Python list printed into a CSV cell: `['https://…', 'https://…']`. */
function unquoted(address: string): string {
  return address.replace(/^[[']+|[\],']+$/g, '');
}
