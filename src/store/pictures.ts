import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { PictureState } from '../domain/picture.ts';
import type { Capture } from './captures.ts';
import type { Db } from './db.ts';
import { insertRecords } from './records.ts';
import { addWorks } from './work.ts';

/** What stands before the SHA-256 of an uploaded picture, which has no address. */
const uploadScheme = 'upload:';

/** Where a fetched picture came from. */
export type PictureSource = {
  finalUrl: string | null;
  status: number | null;
  headers: Record<string, string>;
  fetchedAt: Date;
};

/**
 * Writes down the pictures of listings that are not known yet, each with a piece of `capture` work, in the caller's
 * transaction.
 */
export async function addPictures(
  trx: Db,
  listings: readonly { listingId: string; urls: readonly string[] }[],
  turn: number,
): Promise<void> {
  const rows = listings.flatMap(({ listingId, urls }) =>
    [...new Set(urls)].map((url) => ({
      id: uuid(),
      listing_id: listingId,
      url,
      state: 'waiting' as const,
    })),
  );
  const added = await insertRecords(
    trx,
    'picture',
    rows,
    sql<{ id: string }>`on conflict (listing_id, url) do nothing returning id`,
  );
  await addWorks(
    trx,
    added.map(({ id }) => ({ lane: 'capture', key: id, payload: { pictureId: id }, turn })),
  );
}

/** Writes down a picture that came with the listing itself, whose frozen copy is stored already. */
export async function addUpload(trx: Db, listingId: string, sha256: string): Promise<void> {
  await trx
    .insertInto('picture')
    .values({
      id: uuid(),
      listing_id: listingId,
      url: `${uploadScheme}${sha256}`,
      state: 'captured',
      sha256,
      problem: null,
      problem_detail: null,
      final_url: null,
      status: null,
    })
    .onConflict((conflict) => conflict.columns(['listing_id', 'url']).doNothing())
    .execute();
}

/** A picture by its id, or null. */
export async function findPicture(
  db: Db,
  id: string,
): Promise<{ listingId: string; url: string; state: PictureState } | null> {
  const row = await db
    .selectFrom('picture')
    .where('id', '=', id)
    .select(['listing_id', 'url', 'state'])
    .executeTakeFirst();
  return row === undefined ? null : { listingId: row.listing_id, url: row.url, state: row.state };
}

/** Joins a picture to its frozen copy, with where the bytes came from. */
export async function markCaptured(
  trx: Db,
  id: string,
  sha256: string,
  source: PictureSource,
): Promise<void> {
  await trx
    .updateTable('picture')
    .set({
      state: 'captured',
      sha256,
      problem: null,
      problem_detail: null,
      final_url: source.finalUrl,
      status: source.status,
      headers: JSON.stringify(source.headers),
      fetched_at: source.fetchedAt,
    })
    .where('id', '=', id)
    .execute();
}

/** Says why there is no frozen copy of a picture and will be none. */
export async function markFailed(trx: Db, id: string, problem: string, detail: string): Promise<void> {
  await trx
    .updateTable('picture')
    .set({ state: 'failed', problem, problem_detail: detail, fetched_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .execute();
}

/** Of these listings, those that have a picture with a frozen copy. */
export async function withCaptures(db: Db, listingIds: readonly string[]): Promise<Set<string>> {
  if (listingIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('picture')
    .where('listing_id', 'in', [...listingIds])
    .where('state', '=', 'captured')
    .select('listing_id')
    .distinct()
    .execute();
  return new Set(rows.map(({ listing_id }) => listing_id));
}

/** A picture of a listing with its frozen copy, where there is one. */
export type ListingPicture = {
  url: string;
  state: PictureState;
  problem: string | null;
  problemDetail: string | null;
  /** Where it was found after redirects, with the answer's status and the headers that tell of the file. */
  finalUrl: string | null;
  status: number | null;
  headers: Record<string, string>;
  fetchedAt: Date | null;
  capture: Capture | null;
};

/**
 * The pictures of listings as they show them now, in their order, uploads last. Addresses that a listing showed earlier
 * are left out.
 */
export async function listPictures(
  db: Db,
  listingIds: readonly string[],
): Promise<Map<string, ListingPicture[]>> {
  if (listingIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('picture')
    .innerJoin('listing', 'listing.id', 'picture.listing_id')
    .leftJoin('capture', 'capture.sha256', 'picture.sha256')
    .where('picture.listing_id', 'in', [...listingIds])
    .select(['picture.id', 'picture.listing_id', 'picture.url', 'picture.state', 'listing.image_urls'])
    .select(['picture.final_url', 'picture.status', 'picture.headers'])
    .select(['picture.problem', 'picture.problem_detail', 'picture.fetched_at', 'picture.sha256'])
    .select(['capture.media_type', 'capture.bytes', 'capture.width', 'capture.height', 'capture.hash'])
    .select(['capture.unframed', 'capture.turned', 'capture.quality', 'capture.text', 'capture.text_problem'])
    .select(['capture.standing', 'capture.created_at'])
    .orderBy('picture.id')
    .execute();
  const byListing = Map.groupBy(rows, (row) => row.listing_id);
  return new Map(
    [...byListing].map(([listingId, own]) => {
      const order = (own[0]?.image_urls ?? []) as string[]; // what the column holds
      const shown = own
        .map((row) => ({ row, place: placeOf(row.url, order) }))
        .filter(({ place }) => place >= 0)
        .sort((a, b) => a.place - b.place);
      return [listingId, shown.map(({ row }) => toPicture(row))];
    }),
  );
}

/** An address has its place in the listing, an upload comes after all addresses, and one no longer shown has none. */
function placeOf(url: string, order: readonly string[]): number {
  return url.startsWith(uploadScheme) ? order.length : order.indexOf(url);
}

type PictureRow = {
  url: string;
  state: PictureState;
  problem: string | null;
  problem_detail: string | null;
  final_url: string | null;
  status: number | null;
  headers: Record<string, string>;
  fetched_at: Date | null;
  sha256: string | null;
  media_type: string | null;
  bytes: number | null;
  width: number | null;
  height: number | null;
  hash: string | null;
  unframed: string | null;
  turned: string[] | null;
  quality: number | null;
  text: string | null;
  text_problem: string | null;
  standing: Capture['standing'];
};

function toPicture(row: PictureRow): ListingPicture {
  return {
    url: row.url,
    state: row.state,
    problem: row.problem,
    problemDetail: row.problem_detail,
    finalUrl: row.final_url,
    status: row.status,
    headers: row.headers,
    fetchedAt: row.fetched_at,
    capture:
      row.sha256 === null
        ? null
        : {
            sha256: row.sha256,
            mediaType: row.media_type ?? '',
            bytes: row.bytes ?? 0,
            width: row.width ?? 0,
            height: row.height ?? 0,
            hash: row.hash,
            unframed: row.unframed,
            turned: row.turned ?? [],
            quality: row.quality,
            text: row.text,
            textProblem: row.text_problem,
            standing: row.standing,
          },
  };
}
