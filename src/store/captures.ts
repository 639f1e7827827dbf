import { sql } from 'kysely';
import { AppError } from '../domain/app-error.ts';
import type { CaptureStanding } from '../domain/picture.ts';
import type { Db } from './db.ts';

/** What is known of a frozen copy. */
export type Capture = {
  sha256: string;
  mediaType: string;
  bytes: number;
  width: number;
  height: number;
  /** Perceptual hash as 64 hexadecimal digits, */
  hash: string | null;
  /** that of what lies inside its frame, where it has one, */
  unframed: string | null;
  /** and those of both turned and mirrored. */
  turned: string[];
  /** 0 to 100. */
  quality: number | null;
  /** Text read from it; null until it was read. */
  text: string | null;
  textProblem: string | null;
  standing: CaptureStanding | null;
};

/** Writes a frozen copy down, once. */
export async function addCapture(
  trx: Db,
  capture: Omit<Capture, 'text' | 'textProblem' | 'standing'>,
): Promise<void> {
  await trx
    .insertInto('capture')
    .values({
      sha256: capture.sha256,
      media_type: capture.mediaType,
      bytes: capture.bytes,
      width: capture.width,
      height: capture.height,
      hash: capture.hash,
      unframed: capture.unframed,
      turned: JSON.stringify(capture.turned),
      quality: capture.quality,
      text: null,
      text_confidence: null,
      text_problem: null,
      standing: null,
      standing_by: null,
    })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute();
}

const columns = [
  'sha256',
  'media_type',
  'bytes',
  'width',
  'height',
  'hash',
  'unframed',
  'turned',
  'quality',
  'text',
  'text_problem',
  'standing',
] as const;

const captureRows = (db: Db) => db.selectFrom('capture').select(columns);

function toCapture(
  row: Awaited<ReturnType<ReturnType<typeof captureRows>['executeTakeFirstOrThrow']>>,
): Capture {
  const { media_type: mediaType, text_problem: textProblem, ...rest } = row;
  return { ...rest, mediaType, textProblem };
}

/** A frozen copy's record, or null. */
export async function findCapture(db: Db, sha256: string): Promise<Capture | null> {
  const row = await captureRows(db).where('sha256', '=', sha256).executeTakeFirst();
  return row === undefined ? null : toCapture(row);
}

/** Frozen copies of which people said this, in the order of their SHA-256, from one on. */
export async function listByStanding(
  db: Db,
  standing: CaptureStanding,
  limit: number,
  after: string | null,
): Promise<Capture[]> {
  let query = captureRows(db).where('standing', '=', standing).orderBy('sha256').limit(limit);
  if (after !== null) query = query.where('sha256', '>', after);
  return (await query.execute()).map(toCapture);
}

/** Every SHA-256 that the record knows, in order. */
export async function* everyCapture(db: Db): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const rows = await db
      .selectFrom('capture')
      .where('sha256', '>', after)
      .orderBy('sha256')
      .limit(1_000)
      .select('sha256')
      .execute();
    for (const { sha256 } of rows) yield sha256;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.sha256;
  }
}

/** The texts read from frozen copies; those without are left out. */
export async function textsOf(db: Db, hashes: readonly string[]): Promise<Map<string, string>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .selectFrom('capture')
    .where('sha256', 'in', [...hashes])
    .select(['sha256', 'text'])
    .execute();
  return new Map(rows.flatMap(({ sha256, text }) => (text === null ? [] : [[sha256, text]])));
}

/** Keeps the text that was read from a frozen copy, or why none could be. */
export async function keepText(
  trx: Db,
  sha256: string,
  read: { text: string; confidence: number } | { problem: string },
): Promise<void> {
  await trx
    .updateTable('capture')
    .set(
      'text' in read
        ? { text: read.text, text_confidence: read.confidence, text_problem: null }
        : { text_problem: read.problem },
    )
    .where('sha256', '=', sha256)
    .execute();
}

/**
 * Keeps what a person says of a frozen copy; null takes it back.
 *
 * @throws AppError CAPTURE_NOT_FOUND
 */
export async function setStanding(
  trx: Db,
  sha256: string,
  standing: CaptureStanding | null,
  keyId: string,
): Promise<void> {
  const result = await trx
    .updateTable('capture')
    .set({ standing, standing_by: keyId, standing_at: sql<Date>`now()` })
    .where('sha256', '=', sha256)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n)
    throw new AppError('CAPTURE_NOT_FOUND', 404, `there is no frozen copy ${sha256}`);
}

/** A hash that pictures are held against. */
export type KnownHash = {
  sha256: string;
  hash: string;
  unframed: string | null;
  quality: number;
  createdAt: Date;
};

/** Hashes of frozen copies made since a time, oldest first; all of them where it is null. */
export async function hashesSince(db: Db, since: Date | null, limit: number): Promise<KnownHash[]> {
  let query = db
    .selectFrom('capture')
    .where('hash', 'is not', null)
    .select(['sha256', 'hash', 'unframed', 'quality', 'created_at'])
    .orderBy('created_at')
    .orderBy('sha256')
    .limit(limit);
  if (since !== null) query = query.where('created_at', '>=', since);
  return (await query.execute()).flatMap(({ sha256, hash, unframed, quality, created_at }) =>
    hash === null ? [] : [{ sha256, hash, unframed, quality: quality ?? 0, createdAt: created_at }],
  );
}

/** How listings that show any of these frozen copies fared, but for one listing where it is named. */
export async function countShown(
  db: Db,
  hashes: readonly string[],
  exceptListing: string | null,
): Promise<{ listings: number; confirmed: number; dismissed: number }> {
  let query = db
    .selectFrom('picture')
    .leftJoin('review', (join) =>
      join.onRef('review.listing_id', '=', 'picture.listing_id').on('review.state', '=', 'decided'),
    )
    .leftJoin('decision', (join) =>
      join.onRef('decision.review_id', '=', 'review.id').on('decision.undone_at', 'is', null),
    )
    .where('picture.sha256', 'in', [...hashes])
    .select([
      sql<number>`count(distinct picture.listing_id)::int`.as('listings'),
      sql<number>`count(distinct picture.listing_id) filter (where decision.outcome = 'confirmed')::int`.as(
        'confirmed',
      ),
      sql<number>`count(distinct picture.listing_id) filter (where decision.outcome = 'dismissed')::int`.as(
        'dismissed',
      ),
    ]);
  if (exceptListing !== null) query = query.where('picture.listing_id', '!=', exceptListing);
  return await query.executeTakeFirstOrThrow();
}

/** What people said of these frozen copies; those of whom nobody spoke are left out. */
export async function standingsOf(db: Db, hashes: readonly string[]): Promise<Map<string, CaptureStanding>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .selectFrom('capture')
    .where('sha256', 'in', [...hashes])
    .where('standing', 'is not', null)
    .select(['sha256', 'standing'])
    .execute();
  return new Map(rows.flatMap(({ sha256, standing }) => (standing === null ? [] : [[sha256, standing]])));
}

/** The listings that show any of these frozen copies, in the order of their ids, from one id on. */
export async function listingsShowing(
  db: Db,
  hashes: readonly string[],
  after: string | null,
  limit: number,
): Promise<string[]> {
  if (hashes.length === 0) return [];
  let query = db
    .selectFrom('picture')
    .where('sha256', 'in', [...hashes])
    .select('listing_id')
    .distinct()
    .orderBy('listing_id')
    .limit(limit);
  if (after !== null) query = query.where('listing_id', '>', after);
  return (await query.execute()).map(({ listing_id }) => listing_id);
}
