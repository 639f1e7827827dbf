import { addressesAt, at, isRecord, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Instaloader's metadata file of one post: `{"node": {...}, "instaloader": {...}}`. */
export const instaloader: Format = {
  name: 'instagram-instaloader',
  writtenBy: 'Instaloader',
  matches: (record) => isRecord(record.node) && isRecord(record.instaloader),
  read(record) {
    const node = isRecord(record.node) ? record.node : {};
    const shortcode = textAt(node, 'shortcode', 'code');
    return {
      id: shortcode,
      platform: 'instagram',
      postId: shortcode,
      url: shortcode === undefined ? undefined : `https://www.instagram.com/p/${shortcode}/`,
      seller: textAt(node, 'owner.username', 'user.username', 'iphone_struct.user.username'),
      text: textAt(
        node,
        'edge_media_to_caption.edges.0.node.text',
        'caption.text',
        'caption',
        'iphone_struct.caption.text',
      ),
      imageUrls: addressesAt(node, ['display_url'], ['display_url']).concat(
        sidecar(at(node, 'edge_sidecar_to_children.edges')),
      ),
      postedAt: timeAt(node, 'taken_at_timestamp', 'date', 'taken_at'),
    };
  },
};

function sidecar(edges: unknown): string[] {
  if (!Array.isArray(edges)) return [];
  return edges.flatMap((edge: unknown) => (isRecord(edge) ? (textAt(edge, 'node.display_url') ?? []) : []));
}

/** Apify's Instagram scrapers, for posts. */
export const instagramApify: Format = {
  name: 'instagram-apify',
  writtenBy: 'Apify Instagram scrapers',
  matches: (record) =>
    (Object.hasOwn(record, 'shortCode') || Object.hasOwn(record, 'shortcode')) &&
    Object.hasOwn(record, 'ownerUsername'),
  read(record) {
    const shortcode = textAt(record, 'shortCode', 'shortcode');
    return {
      id: shortcode,
      platform: 'instagram',
      postId: shortcode,
      url: textAt(record, 'url'),
      seller: textAt(record, 'ownerUsername'),
      text: textAt(record, 'caption', 'alt'),
      imageUrls: addressesAt(record, ['displayUrl', 'images']),
      postedAt: timeAt(record, 'timestamp'),
    };
  },
};
