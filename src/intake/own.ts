import { addressesAt, at, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Our own fields, in NDJSON, JSON or CSV; unknown ones are ignored, so labelled files pass as they are. */
export const own: Format = {
  name: 'saring',
  writtenBy: 'people, as NDJSON or CSV with a column "text"',
  matches: (record) => Object.hasOwn(record, 'text'),
  read(record) {
    const id = textAt(record, 'id');
    const { text } = record;
    return {
      id,
      platform: textAt(record, 'platform')?.toLowerCase(),
      postId: textAt(record, 'postId', 'post_id') ?? id,
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
