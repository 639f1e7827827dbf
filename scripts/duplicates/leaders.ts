import { type Fingerprint, leastResemblance, resemblance } from '../../src/domain/fingerprint.ts';

type Leader = { place: number; sketch: Uint32Array };

/** First texts of groups in memory, found as the store finds them but without a bound on the candidates. */
export class Leaders {
  readonly #byExact = new Map<bigint, number>();
  readonly #byBand = new Map<string, Leader[]>();

  add(print: Fingerprint, place: number): void {
    this.#byExact.set(print.exact, place);
    for (const key of keysOf(print)) {
      const sharing = this.#byBand.get(key) ?? [];
      sharing.push({ place, sketch: print.sketch });
      this.#byBand.set(key, sharing);
    }
  }

  /** The place of the first text that one is a near-duplicate of. */
  find(print: Fingerprint, least = leastResemblance): number | null {
    const same = this.#byExact.get(print.exact);
    if (same !== undefined) return same;
    let best: number | null = null;
    let most = least;
    for (const key of keysOf(print))
      for (const { place, sketch } of this.#byBand.get(key) ?? []) {
        const alike = resemblance(print.sketch, sketch);
        if (alike < most || (alike === most && best !== null && best <= place)) continue;
        most = alike;
        best = place;
      }
    return best;
  }
}

function keysOf({ bands }: Fingerprint): string[] {
  return bands.map((band, index) => `${index} ${band}`);
}
