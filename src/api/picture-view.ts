import { z } from 'zod';
import { CaptureStanding, PictureState } from '../domain/picture.ts';
import { textsOf } from '../store/captures.ts';
import type { Db } from '../store/db.ts';
import { type ListingPicture, listPictures } from '../store/pictures.ts';

/** A frozen copy of a picture, as JSON. */
export const CaptureView = z.object({
  sha256: z.string(),
  mediaType: z.string(),
  bytes: z.int(),
  width: z.int(),
  height: z.int(),
  /** Perceptual hash (PDQ), and how well it tells, 0 to 100. */
  hash: z.string().nullable(),
  quality: z.int().nullable(),
  /** Text read from it, null until it was read, and why it could not be. */
  text: z.string().nullable(),
  textProblem: z.string().nullable(),
  standing: CaptureStanding.nullable(),
});

/** A picture of a listing, as JSON. */
export const PictureView = z.object({
  /** Its address; `upload:` and a SHA-256 for one that came with the listing. */
  url: z.string(),
  state: PictureState,
  /** Why there is no frozen copy and will be none. */
  problem: z.string().nullable(),
  detail: z.string().nullable(),
  /** Where it was found after redirects, with the answer's status and the headers that tell of the file. */
  finalUrl: z.string().nullable(),
  status: z.int().nullable(),
  headers: z.record(z.string(), z.string()),
  fetchedAt: z.iso.datetime().nullable(),
  capture: CaptureView.nullable(),
});
export type PictureView = z.infer<typeof PictureView>;

/** The pictures of a listing, and the texts of those that its assessment counts. */
export type PictureSet = { pictures: PictureView[]; texts: string[] };

/** The pictures of listings, in the order of the listings. */
export async function picturesOf(
  db: Db,
  listings: readonly { id: string; captures: readonly (string | null)[] }[],
): Promise<PictureSet[]> {
  const found = await listPictures(
    db,
    listings.map(({ id }) => id),
  );
  const counted = new Set(listings.flatMap(({ captures }) => captures.filter((each) => each !== null)));
  const texts = await textsOf(db, [...counted]);
  return listings.map(({ id, captures }) => ({
    pictures: (found.get(id) ?? []).map(viewPicture),
    texts: captures.map((sha256) => (sha256 === null ? '' : (texts.get(sha256) ?? ''))),
  }));
}

function viewPicture({ problemDetail, fetchedAt, capture, ...picture }: ListingPicture): PictureView {
  return {
    ...picture,
    detail: problemDetail,
    fetchedAt: fetchedAt?.toISOString() ?? null,
    capture: capture === null ? null : viewCapture(capture),
  };
}

/** Turns the record of a frozen copy into what the API shows. */
export function viewCapture({
  turned: _turned,
  unframed: _unframed,
  ...capture
}: NonNullable<ListingPicture['capture']>): z.infer<typeof CaptureView> {
  return capture;
}
