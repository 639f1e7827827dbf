import { z } from 'zod';
import type { Db } from './db.ts';
import { addWorks } from './work.ts';

/** Which listings are to be scored once more. */
export const Rescore = z.union([
  z.object({ listingId: z.uuid() }),
  /** All that show a frozen copy, by SHA-256. */
  z.object({ showing: z.string() }),
  /** All that show a frozen copy that looks like this one, */
  z.object({ alike: z.string() }),
  /** or like one that this listing shows. */
  z.object({ alikeListing: z.uuid() }),
]);
export type Rescore = z.infer<typeof Rescore>;

/**
 * Asks for listings to be scored once more, in the caller's transaction; the same key asks only once.
 *
 * @param turn of the work, as NewWork has it
 */
export async function addRescore(trx: Db, key: string, rescore: Rescore, turn = 0): Promise<void> {
  await addWorks(trx, [{ lane: 'rescore', key, payload: rescore, turn }]);
}
