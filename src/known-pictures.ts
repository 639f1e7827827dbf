import { leastQuality } from './images/hash-picture.ts';
import { createMatchIndex, type MatchIndex, mostDistance } from './images/match-index.ts';
import { hashesSince } from './store/captures.ts';
import type { Db } from './store/db.ts';

/** The hashes of a picture; null where there is none. */
type Hashes = {
  hash: string | null;
  unframed: string | null;
  turned: readonly string[];
  quality: number | null;
};

/** Frozen copies that look alike. */
export type KnownPictures = {
  /** Takes in the frozen copies that were made since the last time. */
  refresh(): Promise<void>;
  /**
   * The frozen copies that look like a picture, itself and turned and mirrored ones too, nearest first. A picture that is
   * too flat to tell finds none, not even itself.
   */
  find(picture: Hashes): { sha256: string; distance: number }[];
};

/** Marks the hash of what lies inside a picture's frame. */
const insideMark = ':inside';
const hexDigits = 64;
/** Rotations and mirrors of a picture besides itself. */
const otherWays = 7;
/** Copies of one picture that are looked at; a picture that more show has long been named one thing or the other. */
const mostFound = 1_000;
const atOnce = 10_000;
/** Rows are looked at again for this long, since the clock of a row runs before it can be seen. */
const overlapMs = 5 * 60_000;

/** Pictures in memory, brought up to date from the store. */
export function createKnownPictures(db: Db): KnownPictures {
  const index: MatchIndex = createMatchIndex();
  const known = new Set<string>();
  let newest: Date | null = null;
  let updating: Promise<void> | null = null;

  async function readNew(): Promise<void> {
    for (let since = newest === null ? null : new Date(newest.getTime() - overlapMs); ; ) {
      const rows = await hashesSince(db, since, atOnce);
      for (const { sha256, hash, unframed, quality, createdAt } of rows) {
        newest = createdAt;
        if (known.has(sha256)) continue;
        known.add(sha256);
        if (quality >= leastQuality) index.add(hash, sha256);
        if (unframed !== null) index.add(unframed, `${sha256}${insideMark}`);
      }
      const last = rows.at(-1)?.createdAt;
      if (rows.length < atOnce || last === undefined || last.getTime() === since?.getTime()) return;
      since = last;
    }
  }

  return {
    async refresh() {
      updating ??= readNew().finally(() => {
        updating = null;
      });
      await updating;
    },
    find({ hash, unframed, turned, quality }) {
      // A flat picture's hash is chance; what lies inside a frame was hashed only where it is not flat.
      const whole =
        hash === null || (quality ?? 0) < leastQuality ? [] : [hash, ...turned.slice(0, otherWays)];
      const inside = unframed === null ? [] : [unframed, ...turned.slice(otherWays)];
      const nearest = new Map<string, number>();
      for (const each of [...whole, ...inside]) {
        for (const { id, distance } of index.find(each, mostDistance, mostFound)) {
          const sha256 = String(id).slice(0, hexDigits);
          nearest.set(sha256, Math.min(distance, nearest.get(sha256) ?? distance));
        }
      }
      return [...nearest]
        .map(([sha256, distance]) => ({ sha256, distance }))
        .sort((a, b) => a.distance - b.distance);
    },
  };
}
