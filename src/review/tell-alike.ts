import type { Db } from '../store/db.ts';
import { withCaptures } from '../store/pictures.ts';
import { addRescore } from '../store/rescores.ts';

/** What was decided of listings speaks for their pictures wherever else they are shown. */
export async function tellAlike(
  trx: Db,
  changes: readonly { key: string; listingId: string }[],
): Promise<void> {
  const captured = await withCaptures(
    trx,
    changes.map(({ listingId }) => listingId),
  );
  for (const { key, listingId } of changes)
    if (captured.has(listingId)) await addRescore(trx, key, { alikeListing: listingId });
}
