import { createHash } from 'node:crypto';
import { at, isRecord, joinTexts, type SourceRecord, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

function results(record: SourceRecord): SourceRecord[] {
  const list = at(record, 'organic_results') ?? at(record, 'organicResults') ?? at(record, 'organic');
  return Array.isArray(list) ? list.filter(isRecord) : [record];
}

/** Google results: SerpApi and Serper JSON, Apify's Google scraper, or a CSV with title, link and snippet. */
export const googleResults: Format = {
  name: 'google-results',
  writtenBy: 'SerpApi, Serper, Apify’s Google scraper, or a CSV with title, link, snippet',
  matches: (record) =>
    results(record).some(
      (result) =>
        textAt(result, 'link', 'url') !== undefined &&
        textAt(result, 'snippet', 'description') !== undefined &&
        textAt(result, 'title') !== undefined,
    ) && textAt(record, 'text') === undefined,
  unwrap: results,
  read(record) {
    const link = textAt(record, 'link', 'url');
    return {
      id: link,
      platform: 'google',
      // A result has no id of its own; its address is what it is known by.
      postId:
        link === undefined || link.length <= 300 ? link : createHash('sha256').update(link).digest('hex'),
      url: link,
      seller: textAt(record, 'source', 'displayed_link', 'displayedUrl'),
      text: joinTexts(textAt(record, 'title'), textAt(record, 'snippet', 'description')),
      imageUrls: [],
      postedAt: timeAt(record, 'date'),
    };
  },
};
