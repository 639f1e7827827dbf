import { z } from 'zod';
import { AppError } from './domain/app-error.ts';
import type { CaptureStore } from './images/capture-store.ts';
import type { FetchedPicture, PictureFetcher } from './images/fetch-picture.ts';
import type { hashPicture } from './images/hash-picture.ts';
import { PictureError } from './images/picture-error.ts';
import { NotBeforeError, type WorkHandler } from './queue/runner.ts';
import { addCapture, type Capture } from './store/captures.ts';
import { type Db, inTransaction } from './store/db.ts';
import { findPicture, markCaptured, markFailed } from './store/pictures.ts';
import { addRescore } from './store/rescores.ts';
import { addWorks, finishWork } from './store/work.ts';

const CaptureWork = z.object({ pictureId: z.uuid() });

/** A frozen copy as it is first written down. */
export type FreshCapture = Omit<Capture, 'text' | 'textProblem' | 'standing'>;

/** Hashes pictures, so few at a time that decoding them fits into memory. */
export type PictureHasher = (bytes: Uint8Array) => ReturnType<typeof hashPicture>;

/**
 * Freezes a picture's bytes and works out its perceptual hash. One that cannot be decoded is kept all the same, without
 * a hash: it is evidence, too.
 */
export async function freeze(
  picture: Pick<FetchedPicture, 'bytes' | 'mediaType' | 'width' | 'height'>,
  { captures, hash }: { captures: CaptureStore; hash: PictureHasher },
): Promise<FreshCapture> {
  const sha256 = await captures.put(picture.bytes);
  const hashed = await hash(picture.bytes).catch((error: unknown) => {
    if (error instanceof PictureError) return null;
    throw error;
  });
  const { mediaType, width, height } = picture;
  const inside = hashed?.unframed ?? null;
  return {
    sha256,
    mediaType,
    bytes: picture.bytes.byteLength,
    width,
    height,
    hash: hashed?.hash ?? null,
    quality: hashed?.quality ?? null,
    unframed: inside?.hash ?? null,
    turned: [...(hashed?.turned ?? []), ...(inside?.turned ?? [])],
  };
}

/** Writes a frozen copy down, with the work of reading its text, in the caller's transaction. */
export async function keepCapture(trx: Db, capture: FreshCapture, turn: number): Promise<void> {
  await addCapture(trx, capture);
  const { sha256 } = capture;
  await addWorks(trx, [{ lane: 'read', key: sha256, payload: { sha256 }, turn }]);
}

/**
 * Does `capture` work: fetches one picture of a listing, freezes it, and has the listing scored once more. What may pass is
 * tried again; what cannot pass, or did not within the tries, is written down with its plain reason.
 *
 * @param maxAttempts tries of one piece of work before the runner gives it up
 * @param onCapture hears `captured`, `put-off`, or the problem of a picture that cannot be had
 */
export function captureHandler(deps: {
  db: Db;
  fetcher: PictureFetcher;
  captures: CaptureStore;
  hash: PictureHasher;
  maxAttempts: number;
  onCapture(outcome: string): void;
}): WorkHandler {
  const { db, fetcher, captures, hash, maxAttempts, onCapture } = deps;
  return async (work, signal) => {
    const { pictureId } = CaptureWork.parse(work.payload);
    const picture = await findPicture(db, pictureId);
    if (picture === null || picture.state !== 'waiting') {
      await finishWork(db, work.id);
      return;
    }
    try {
      const fetched = await fetcher.fetch(picture.url, signal);
      const capture = await freeze(fetched, { captures, hash });
      await inTransaction(db, async (trx) => {
        if (!(await finishWork(trx, work.id))) return;
        await keepCapture(trx, capture, work.turn);
        await markCaptured(trx, pictureId, capture.sha256, fetched);
        const { listingId } = picture;
        await addRescore(trx, `${pictureId}:${capture.sha256}`, { listingId }, work.turn);
      });
      onCapture('captured');
    } catch (error) {
      const last = work.attempts >= maxAttempts;
      if (!(error instanceof PictureError)) {
        // The fault is ours and stays among the failed work; the listing must not wait for it for ever.
        if (last && error instanceof AppError) await markFailed(db, pictureId, 'not-kept', error.message);
        throw error;
      }
      if (error.passing && !last) {
        onCapture('put-off');
        throw new NotBeforeError(error.message, error.retryAfterMs ?? 0, { cause: error });
      }
      await inTransaction(db, async (trx) => {
        if (await finishWork(trx, work.id)) await markFailed(trx, pictureId, error.problem, error.message);
      });
      onCapture(error.problem);
    }
  };
}
