import { addressesAt, isRecord, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Apify's TikTok scrapers (clockworks and their kin). */
export const tiktokApify: Format = {
  name: 'tiktok-apify',
  writtenBy: 'Apify TikTok scrapers',
  matches: (record) =>
    (isRecord(record.authorMeta) || Object.hasOwn(record, 'authorMeta.name')) &&
    Object.hasOwn(record, 'webVideoUrl'),
  read: (record) => ({
    id: textAt(record, 'id'),
    platform: 'tiktok',
    postId: textAt(record, 'id'),
    url: textAt(record, 'webVideoUrl'),
    seller: textAt(record, 'authorMeta.name', 'authorMeta.nickName'),
    text: textAt(record, 'text'),
    imageUrls: addressesAt(
      record,
      ['videoMeta.coverUrl', 'covers.default', 'slideshowImageLinks'],
      ['downloadLink', 'tiktokLink'],
    ),
    postedAt: timeAt(record, 'createTimeISO', 'createTime'),
  }),
};

/** TikTok's own item JSON, as TikTok-Api and similar libraries hand it on. */
export const tiktokItem: Format = {
  name: 'tiktok-item',
  writtenBy: 'TikTok-Api and others that keep TikTok’s own JSON',
  matches: (record) => Object.hasOwn(record, 'desc') && isRecord(record.author) && isRecord(record.video),
  read(record) {
    const id = textAt(record, 'id');
    const seller = textAt(record, 'author.uniqueId');
    return {
      id,
      platform: 'tiktok',
      postId: id,
      url:
        id === undefined || seller === undefined
          ? undefined
          : `https://www.tiktok.com/@${seller}/video/${id}`,
      seller,
      text: textAt(record, 'desc'),
      imageUrls: addressesAt(record, ['video.cover']),
      postedAt: timeAt(record, 'createTime'),
    };
  },
};
