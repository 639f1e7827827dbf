import type { SourceRecord } from './fields.ts';

/** A listing as read from a record, not yet checked; fields that are undefined are unknown. */
type Draft = {
  id: string | undefined;
  platform: unknown;
  postId: string | undefined;
  url: string | undefined;
  seller: string | undefined;
  text: string | undefined;
  imageUrls: string[];
  postedAt: string | undefined;
};

/** What one kind of scraper writes. */
export type Format = {
  name: string;
  /** Who writes it, for messages and documentation. */
  writtenBy: string;
  /** Whether a record looks like one of this format, by its fields alone. */
  matches(record: SourceRecord): boolean;
  /** The records inside one that wraps several, such as a page of search results. */
  unwrap?(record: SourceRecord): SourceRecord[];
  read(record: SourceRecord): Draft;
};
