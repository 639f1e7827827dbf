import PQueue from 'p-queue';
import sharp from 'sharp';
import { captureHandler, type FreshCapture, freeze, type PictureHasher } from './capture-pictures.ts';
import type { Classifier } from './classifier/classifier.ts';
import type { Config } from './config.ts';
import type { Assessment } from './domain/assessment.ts';
import { type CaptureStore, openCaptureStore } from './images/capture-store.ts';
import { createPictureFetcher } from './images/fetch-picture.ts';
import { hashPicture } from './images/hash-picture.ts';
import { inspectPicture } from './images/inspect-picture.ts';
import { createTextReader } from './images/read-text.ts';
import { createKnownPictures } from './known-pictures.ts';
import type { Lane } from './queue/job-queue.ts';
import { NotBeforeError, type WorkHandler } from './queue/runner.ts';
import { readHandler } from './read-captures.ts';
import { createRescorer } from './rescore.ts';
import { rescoreHandler } from './rescore-work.ts';
import type { Db } from './store/db.ts';

/** Everything a running saring needs for pictures. */
export type PictureServices = {
  captures: CaptureStore;
  /** Most bytes of a picture, pixels of one, and bytes of a request that brings some. */
  mostBytes: number;
  mostPixels: number;
  mostRequestBytes: number;
  /**
   * Freezes a picture that came with a request.
   *
   * @throws PictureError when the bytes are no picture
   */
  freeze(bytes: Uint8Array): Promise<FreshCapture>;
  handlers: Pick<Record<Lane, WorkHandler>, 'capture' | 'read' | 'rescore'>;
  close(): Promise<void>;
};

/** Fifty million: the largest pictures that phones take, and 200 MB when decoded. */
const mostPixels = 50_000_000;
/** The largest picture takes 200 MB while it is decoded. */
const decodedAtOnce = 2;
/** A screenshot or two as base64, which is a third longer. */
const mostRequestBytes = 64 * 1024 * 1024;

/** Opens the capture store and what works on pictures; the text reader starts its process with the first picture. */
export async function openPictureServices(deps: {
  config: Config['pictures'];
  db: Db;
  classifier: Classifier;
  maxAttempts: number;
  onAssessed(assessments: readonly Pick<Assessment, 'verdict'>[]): void;
  /** Hears what became of each picture that was to be fetched, as captureHandler tells it. */
  onCapture(outcome: string): void;
}): Promise<PictureServices> {
  const { config, db, classifier, maxAttempts, onAssessed, onCapture } = deps;
  const { mostBytes } = config;
  // Each picture once, on one thread: hostile ones must not have a cache to fill or every processor to take.
  sharp.cache(false);
  sharp.concurrency(1);
  const captures = await openCaptureStore(config.captures);
  const fetcher = createPictureFetcher({
    allowed: config.allowed,
    maxBytes: mostBytes,
    perHostPerSecond: config.perHostPerSecond,
    maxPixels: mostPixels,
  });
  const decoding = new PQueue({ concurrency: decodedAtOnce });
  const hash: PictureHasher = (bytes) => decoding.add(() => hashPicture(bytes, mostPixels));
  const reader = createTextReader({ maxPixels: mostPixels });
  const known = createKnownPictures(db);
  const rescorer = createRescorer({ db, classifier, known, onAssessed });
  let closing = false;

  /** What closing breaks off is no failure, and no try that counts. */
  function putOffAtClose(handler: WorkHandler): WorkHandler {
    return async (work, signal) => {
      try {
        await handler(work, signal);
      } catch (error) {
        throw closing ? new NotBeforeError('saring is stopping', 0, { cause: error }) : error;
      }
    };
  }

  return {
    captures,
    mostBytes,
    mostPixels,
    mostRequestBytes,
    async freeze(bytes) {
      const inspected = await inspectPicture(bytes, mostPixels);
      return await freeze({ bytes, ...inspected }, { captures, hash });
    },
    handlers: {
      capture: putOffAtClose(captureHandler({ db, fetcher, captures, hash, maxAttempts, onCapture })),
      read: putOffAtClose(readHandler({ db, captures, reader, maxAttempts })),
      rescore: rescoreHandler({ db, known, rescorer }),
    },
    async close() {
      closing = true;
      await reader.close();
      await fetcher.close();
      await captures.close();
    },
  };
}
