import { z } from 'zod';
import { type FreshCapture, keepCapture } from './capture-pictures.ts';
import type { Classifier } from './classifier/classifier.ts';
import type { Assessment, BriefAssessment } from './domain/assessment.ts';
import { Listing } from './domain/listing.ts';
import { createFingerprinter } from './duplicates/fingerprint-text.ts';
import { enqueueFlags } from './review/enqueue-flags.ts';
import { addBatchItems } from './store/batches.ts';
import { type Db, inTransaction } from './store/db.ts';
import { findOrMakeGroups } from './store/duplicate-groups.ts';
import { findListing, type StoredListing } from './store/find-listings.ts';
import { type Answer, findAnswer, keepAnswer, type RepeatableRequest } from './store/idempotency.ts';
import { addPictures, addUpload, withCaptures } from './store/pictures.ts';
import { addRescore } from './store/rescores.ts';
import { saveListings } from './store/save-listings.ts';
import type { AssessedListing, SavedListing } from './store/saved-listing.ts';
import { addWorks, finishWork, laterTurn } from './store/work.ts';
import { assess } from './triage/triage.ts';

/** A row of a batch as it waits in the work ledger; `row` counts the upload's listings from 1. */
export const ChunkRow = z
  .object({ row: z.int().optional(), line: z.int(), id: z.string().nullable(), listing: Listing })
  // Chunks written down before rows had numbers know the line alone; migration 0002 tells why it is below zero.
  .transform(({ row, ...rest }) => ({ ...rest, row: row ?? -rest.line }));
export type ChunkRow = z.infer<typeof ChunkRow>;

/** The payload of one piece of `assess` work: some rows of a batch. */
const Chunk = z.object({ batchId: z.string(), rows: z.array(ChunkRow) });

/** The one pipeline: listing → classifier → triage → stored assessment, with a review where it is flagged. */
export type Assessor = {
  /** Assesses a text; stores nothing. */
  assessText(text: string): Promise<Assessment>;
  /** Assesses many texts at once; stores nothing. Without `spans` it is several times faster. */
  assessTexts(texts: readonly string[], options: { spans: boolean }): Assessment[];
  /**
   * Assesses and stores one listing. With `repeat`, the same request again gets the same answer and nothing is
   * stored twice.
   *
   * @param present makes the answer that is given and kept
   * @param uploads pictures that came with it and are frozen already
   */
  submit(
    listing: Listing,
    repeat: RepeatableRequest | null,
    present: (stored: StoredListing, created: boolean, trx: Db) => Promise<Answer>,
    uploads?: readonly FreshCapture[],
  ): Promise<Answer>;
  /** Assesses a chunk of a batch. Repeating it, or doing it in two processes at once, changes nothing. */
  assessChunk(work: ChunkWork): Promise<void>;
  /**
   * Replaces a chunk that cannot be stored by one for each of its rows, so that one bad row never sinks the others.
   *
   * @returns false when it has one row
   */
  divideChunk(work: ChunkWork & { turn: number }): Promise<boolean>;
};

type ChunkWork = { id: string; payload: unknown };

/** Takes back a transaction whose work another process has finished first. */
class FinishedElsewhere extends Error {
  override name = 'FinishedElsewhere';
}

export function createAssessor(deps: {
  db: Db;
  classifier: Classifier;
  /** Whether pictures are fetched. */
  pictures: boolean;
  onAssessed(by: 'request' | 'batch', assessments: readonly Pick<Assessment, 'verdict'>[]): void;
}): Assessor {
  const { db, classifier, pictures, onAssessed } = deps;
  const fingerprint = createFingerprinter();

  function assessTexts(texts: readonly string[], options: { spans: boolean }): Assessment[] {
    return classifier.scoreMany(texts, options).map((score) => assess(score, classifier.policy));
  }

  async function assessText(text: string): Promise<Assessment> {
    const assessment = assess(await classifier.score(text), classifier.policy);
    onAssessed('request', [assessment]);
    return assessment;
  }

  /** Spans are worked out for what somebody will look at; a night is nearly all clear, and of that they can be asked for. */
  function assessNight(texts: readonly string[]): BriefAssessment[] {
    const assessments: BriefAssessment[] = assessTexts(texts, { spans: false }).map((brief) => ({
      ...brief,
      spans: null,
    }));
    const seen = assessments.flatMap(({ verdict }, index) => (verdict === 'clear' ? [] : [index]));
    const explained = assessTexts(
      seen.map((index) => texts[index] ?? ''),
      { spans: true },
    );
    for (const [place, index] of seen.entries()) {
      const assessment = explained[place];
      if (assessment !== undefined) assessments[index] = assessment;
    }
    return assessments;
  }

  /**
   * The texts' groups of near-duplicates, of those that a reviewer may come to see; new groups are written at once,
   * outside any transaction.
   */
  async function groupsOf(
    texts: readonly string[],
    assessments: readonly BriefAssessment[],
  ): Promise<(string | null)[]> {
    const fingerprints = texts.map((text, index) =>
      assessments[index]?.verdict === 'clear' ? null : fingerprint(text),
    );
    return await findOrMakeGroups(db, fingerprints);
  }

  return {
    assessTexts,
    assessText,

    async submit(listing, repeat, present, uploads = []) {
      if (repeat !== null) {
        const before = await findAnswer(db, repeat);
        if (before !== null) return before;
      }
      const assessment = await assessText(listing.text);
      const [duplicateGroupId = null] = await groupsOf([listing.text], [assessment]);
      try {
        return await inTransaction(db, async (trx) => {
          const [saved] = await saveAndQueue(trx, [{ listing, assessment, duplicateGroupId }], {
            pictures,
            turn: 0,
          });
          if (saved !== undefined) await keepUploads(trx, saved, uploads);
          const stored = saved === undefined ? null : await findListing(trx, saved.listingId);
          if (saved === undefined || stored === null)
            throw new Error('the listing just saved cannot be found');
          const answer = await present(stored, saved.created, trx);
          if (repeat !== null && !(await keepAnswer(trx, repeat, answer))) throw new FinishedElsewhere();
          return answer;
        });
      } catch (error) {
        const answer =
          error instanceof FinishedElsewhere && repeat !== null ? await findAnswer(db, repeat) : null;
        if (answer === null) throw error;
        return answer;
      }
    },

    async assessChunk(work) {
      const { batchId, rows } = Chunk.parse(work.payload);
      const texts = rows.map((row) => row.listing.text);
      const assessments = assessNight(texts);
      const groups = await groupsOf(texts, assessments);
      const inputs = rows.map((row, index) => {
        const assessment = assessments[index];
        if (assessment === undefined) throw new Error('the classifier gave fewer scores than texts');
        return { listing: row.listing, assessment, duplicateGroupId: groups[index] ?? null };
      });
      const finished = await inTransaction(db, async (trx) => {
        // First of all: this takes the row's lock, so that a second process waits here and then finds it done.
        if (!(await finishWork(trx, work.id))) return false;
        const saved = await saveAndQueue(trx, inputs, { pictures, turn: laterTurn });
        const items = rows.flatMap(({ row, line, id }, index) => {
          const result = saved[index];
          return result === undefined
            ? []
            : [{ row, line, id, listingId: result.listingId, assessmentId: result.assessmentId }];
        });
        await addBatchItems(trx, batchId, items, saved.filter((result) => result.verdict === 'flag').length);
        return true;
      });
      if (finished) onAssessed('batch', assessments);
    },

    async divideChunk({ id, payload, turn }) {
      const { batchId, rows } = Chunk.parse(payload);
      if (rows.length <= 1) return false;
      await inTransaction(db, async (trx) => {
        if (!(await finishWork(trx, id))) return;
        const single = (row: ChunkRow) => ({
          lane: 'assess',
          key: `${id}:${row.row}`,
          payload: { batchId, rows: [row] },
          batchId,
          turn,
        });
        await addWorks(trx, rows.map(single));
      });
      return true;
    },
  };
}

/** Joins pictures that came with a listing to it. */
async function keepUploads(trx: Db, saved: SavedListing, uploads: readonly FreshCapture[]): Promise<void> {
  for (const upload of uploads) {
    await keepCapture(trx, upload, 0);
    await addUpload(trx, saved.listingId, upload.sha256);
    await addRescore(trx, `upload:${saved.assessmentId}:${upload.sha256}`, { listingId: saved.listingId });
  }
}

/** Stores, writes down what is to be done about pictures, and queues flags. */
async function saveAndQueue(
  trx: Db,
  inputs: readonly AssessedListing[],
  { pictures, turn }: { pictures: boolean; turn: number },
): Promise<SavedListing[]> {
  const saved = await saveListings(trx, inputs);
  if (pictures) {
    const shown = saved.map(({ listingId }, index) => ({
      listingId,
      urls: inputs[index]?.listing.imageUrls ?? [],
    }));
    await addPictures(trx, shown, turn);
    // A new text was scored alone; pictures that are known already are to speak again.
    const known = saved.filter(({ created }) => !created);
    const captured = await withCaptures(
      trx,
      known.map(({ listingId }) => listingId),
    );
    for (const { listingId, assessmentId } of known)
      if (captured.has(listingId)) await addRescore(trx, `text:${assessmentId}`, { listingId }, turn);
  }
  // Of a post that stands in the input twice only the last saving is in force.
  const flags = new Map<string, SavedListing>();
  for (const result of saved) {
    if (result.verdict === 'flag') flags.set(result.listingId, result);
  }
  await enqueueFlags(trx, [...flags.values()]);
  return saved;
}
