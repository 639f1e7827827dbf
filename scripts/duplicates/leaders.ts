import { type Fingerprint, leastResemblance, resemblance } from '../../src/domain/fingerprint.ts';

type Leader = { place: number; sketch: Uint32Array };

/** First texts of groups in memory, found as the store finds them but without a bound on the candidates. */
export type Leaders = {
  add(print: Fingerprint, place: number): void;
  /** The place of the first text that one is a near-duplicate of. */
  find(print: Fingerprint, least?: number): number | null;
};

export function createLeaders(): Leaders {
  const byExact = new Map<bigint, number>();
  const byBand = new Map<string, Leader[]>();
  return {
    add(print, place) {
      byExact.set(print.exact, place);
      for (const key of keysOf(print)) {
        const sharing = byBand.get(key) ?? [];
        sharing.push({ place, sketch: print.sketch });
        byBand.set(key, sharing);
      }
    },
    find(print, least = leastResemblance) {
      const same = byExact.get(print.exact);
      if (same !== undefined) return same;
      let best: number | null = null;
      let most = least;
      for (const key of keysOf(print))
        for (const { place, sketch } of byBand.get(key) ?? []) {
          const alike = resemblance(print.sketch, sketch);
          if (alike < most || (alike === most && best !== null && best <= place)) continue;
          most = alike;
          best = place;
        }
      return best;
    },
  };
}

function keysOf({ bands }: Fingerprint): string[] {
  return bands.map((band, index) => `${index} ${band}`);
}
