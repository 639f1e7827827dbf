import type { KnownPictures } from './known-pictures.ts';
import type { WorkHandler } from './queue/runner.ts';
import type { Rescorer } from './rescore.ts';
import { type Capture, findCapture, listingsShowing } from './store/captures.ts';
import type { Db } from './store/db.ts';
import { listPictures } from './store/pictures.ts';
import { Rescore } from './store/rescores.ts';
import { finishWork } from './store/work.ts';

const listingsAtOnce = 200;

/**
 * Does `rescore` work: scores listings once more after something became known of a picture: its bytes, its text, what a
 * person decided on a listing that shows it, or said of the picture itself. In the last two cases that means every listing
 * with a picture that looks alike, which is how a picture that becomes known is found in the past.
 */
export function rescoreHandler(deps: { db: Db; known: KnownPictures; rescorer: Rescorer }): WorkHandler {
  const { db, known, rescorer } = deps;

  async function alike(captures: readonly (Capture | null)[]): Promise<string[]> {
    await known.refresh();
    const hashes = new Set<string>();
    for (const capture of captures) {
      if (capture === null) continue;
      hashes.add(capture.sha256);
      for (const { sha256 } of known.find(capture)) hashes.add(sha256);
    }
    return [...hashes];
  }

  async function copiesOf(rescore: Exclude<Rescore, { listingId: string }>): Promise<string[]> {
    if ('showing' in rescore) return [rescore.showing];
    if ('alike' in rescore) return await alike([await findCapture(db, rescore.alike)]);
    const pictures = (await listPictures(db, [rescore.alikeListing])).get(rescore.alikeListing) ?? [];
    return await alike(pictures.map(({ capture }) => capture));
  }

  return async (work, signal) => {
    const asked = Rescore.parse(work.payload);
    if ('listingId' in asked) await rescorer.rescore(asked.listingId);
    else {
      const hashes = await copiesOf(asked);
      for (let after: string | null = null; ; ) {
        const ids: string[] = await listingsShowing(db, hashes, after, listingsAtOnce);
        for (const id of ids) {
          signal.throwIfAborted();
          await rescorer.rescore(id);
        }
        after = ids.at(-1) ?? null;
        if (after === null) break;
      }
    }
    await finishWork(db, work.id);
  };
}
