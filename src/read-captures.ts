import { z } from 'zod';
import type { CaptureStore } from './images/capture-store.ts';
import { PictureError } from './images/picture-error.ts';
import type { TextReader } from './images/read-text.ts';
import type { WorkHandler } from './queue/runner.ts';
import { keepText } from './store/captures.ts';
import { type Db, inTransaction } from './store/db.ts';
import { addRescore } from './store/rescores.ts';
import { finishWork } from './store/work.ts';

const ReadWork = z.object({ sha256: z.string() });

/**
 * Does `read` work: reads the text of a frozen copy and has the listings that show it scored once more. A picture that
 * cannot be read says so, and the text verdict stands.
 *
 * @param maxAttempts tries of one piece of work before the runner gives it up
 */
export function readHandler(deps: {
  db: Db;
  captures: CaptureStore;
  reader: TextReader;
  maxAttempts: number;
}): WorkHandler {
  const { db, captures, reader, maxAttempts } = deps;
  return async (work, signal) => {
    const { sha256 } = ReadWork.parse(work.payload);
    const last = work.attempts >= maxAttempts;
    const bytes = await captures.get(sha256).catch(async (error: unknown) => {
      // The fault is ours and stays among the failed work; the picture says why nothing is read from it.
      if (last && error instanceof Error) await keepText(db, sha256, { problem: error.message });
      throw error;
    });
    const read = await reader.read(bytes, signal).catch((error: unknown) => {
      if (!(error instanceof PictureError) || (error.passing && !last)) throw error;
      return { problem: error.message };
    });
    await inTransaction(db, async (trx) => {
      if (!(await finishWork(trx, work.id))) return;
      await keepText(trx, sha256, read);
      if ('text' in read && read.text !== '')
        await addRescore(trx, `read:${sha256}`, { showing: sha256 }, work.turn);
    });
  };
}
