import { addressesAt, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Posts on X as tweet-harvest writes them to CSV. */
export const tweetHarvest: Format = {
  name: 'x-tweet-harvest',
  writtenBy: 'tweet-harvest',
  matches: (record) =>
    Object.hasOwn(record, 'full_text') &&
    (Object.hasOwn(record, 'id_str') || Object.hasOwn(record, 'tweet_url')),
  read: (record) => ({
    id: textAt(record, 'id_str'),
    platform: 'x',
    postId: textAt(record, 'id_str'),
    url: textAt(record, 'tweet_url'),
    seller: textAt(record, 'username', 'user_id_str'),
    text: textAt(record, 'full_text'),
    imageUrls: addressesAt(record, ['image_url']),
    postedAt: timeAt(record, 'created_at'),
  }),
};
