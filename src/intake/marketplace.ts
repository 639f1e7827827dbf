import type { SourceRecord } from './fields.ts';
import { addressesAt, at, isRecord, joinTexts, textAt, timeAt } from './fields.ts';
import type { Format } from './format.ts';

/** Shopee names pictures by a hash; this is where its shops load them from. */
const shopeePictures = 'https://down-id.img.susercontent.com/file/';

function shopeeItems(record: SourceRecord): SourceRecord[] {
  const items = at(record, 'items') ?? at(record, 'data.items');
  const list = Array.isArray(items) ? items.filter(isRecord) : [record];
  return list.map((each) => {
    const inner = at(each, 'item_basic') ?? at(each, 'data.item') ?? at(each, 'data') ?? at(each, 'item');
    return isRecord(inner) ? inner : each;
  });
}

function isShopeeItem(record: SourceRecord): boolean {
  return (
    (Object.hasOwn(record, 'itemid') || Object.hasOwn(record, 'item_id')) &&
    (Object.hasOwn(record, 'shopid') || Object.hasOwn(record, 'shop_id'))
  );
}

/** Shopee's product JSON: an item, an API answer around one, or a page of search results. */
export const shopee: Format = {
  name: 'shopee',
  writtenBy: 'Shopee’s item and search JSON',
  matches: (record) => shopeeItems(record).some(isShopeeItem),
  unwrap: shopeeItems,
  read(record) {
    const item = textAt(record, 'itemid', 'item_id');
    const shop = textAt(record, 'shopid', 'shop_id');
    return {
      id: item,
      platform: 'shopee',
      postId: item,
      url:
        textAt(record, 'url') ?? (item && shop ? `https://shopee.co.id/product/${shop}/${item}` : undefined),
      seller: textAt(record, 'shop_name', 'account.username', 'shopid', 'shop_id'),
      text: joinTexts(textAt(record, 'name', 'title'), textAt(record, 'description')),
      imageUrls: addressesAt(record, ['images', 'image']).map((name) =>
        name.includes(':') ? name : `${shopeePictures}${name}`,
      ),
      postedAt: timeAt(record, 'ctime'),
    };
  },
};

function tokopediaProducts(record: SourceRecord): SourceRecord[] {
  const products =
    at(record, 'data.ace_search_product_v4.data.products') ??
    at(record, 'data.searchProductV5.data.products') ??
    at(record, 'products');
  return Array.isArray(products) ? products.filter(isRecord) : [record];
}

function isTokopediaProduct(record: SourceRecord): boolean {
  const address = textAt(record, 'url', 'link', 'product_url') ?? '';
  return address.includes('tokopedia.com') && textAt(record, 'name', 'title', 'product_name') !== undefined;
}

/** Tokopedia's product JSON: a product, or a page of search results. */
export const tokopedia: Format = {
  name: 'tokopedia',
  writtenBy: 'Tokopedia’s product and search JSON',
  matches: (record) => tokopediaProducts(record).some(isTokopediaProduct),
  unwrap: tokopediaProducts,
  read: (record) => ({
    id: textAt(record, 'id', 'product_id'),
    platform: 'tokopedia',
    postId: textAt(record, 'id', 'product_id'),
    url: textAt(record, 'url', 'link', 'product_url'),
    seller: textAt(record, 'shop.name', 'shop.domain', 'shop_name', 'shop'),
    text: joinTexts(textAt(record, 'name', 'title', 'product_name'), textAt(record, 'description')),
    imageUrls: addressesAt(
      record,
      ['imageUrl', 'image_url', 'images', 'mediaURL.image'],
      ['url', 'urlOriginal', 'URLOriginal'],
    ),
    postedAt: timeAt(record, 'createdAt', 'created_at'),
  }),
};
