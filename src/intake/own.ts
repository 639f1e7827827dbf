import { Platform } from '../domain/listing.ts';
import { addressesAt, at, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Other names that people have for our platforms. */
const platformNames: Record<string, Platform> = {
  ig: 'instagram',
  insta: 'instagram',
  fb: 'facebook',
  marketplace: 'facebook',
  tt: 'tiktok',
  twitter: 'x',
  tokped: 'tokopedia',
  wa: 'whatsapp',
};

/** The platform that a name means. One we do not know is `other`: its name is worth less than its listing. */
function platformOf(written: string | undefined): Platform | undefined {
  const name = written?.trim().toLowerCase();
  if (name === undefined) return undefined;
  return platformNames[name] ?? Platform.safeParse(name).data ?? 'other';
}

/** Our own fields, in NDJSON, JSON or CSV; unknown ones are ignored, so labelled files pass as they are. */
export const own: Format = {
  name: 'saring',
  writtenBy: 'people, as NDJSON or CSV with a column "text"',
  matches: (record) => Object.hasOwn(record, 'text'),
  read(record) {
    const { text } = record;
    return {
      id: textAt(record, 'id', 'postId', 'post_id'),
      platform: platformOf(textAt(record, 'platform')),
      // Not the row's id: people number the rows of every file from 1, and those are not the same posts.
      postId: textAt(record, 'postId', 'post_id'),
      url: textAt(record, 'url'),
      seller: textAt(record, 'seller'),
      text: typeof text === 'string' ? text : textAt(record, 'text'),
      imageUrls: addressesAt(record, ['imageUrls', 'image_urls', 'images']),
      // Our own files are meant to be right, so a wrong time is reported rather than left out.
      postedAt:
        timeAt(record, 'postedAt', 'posted_at') ??
        (at(record, 'postedAt') === undefined ? undefined : textAt(record, 'postedAt')),
    };
  },
};
