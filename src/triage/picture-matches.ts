import type { PictureMatch } from '../domain/picture.ts';
import type { Score } from '../domain/score.ts';

/** A match before it is weighed; `banked` says that a person named the picture as known from offers. */
export type KnownPicture = Omit<PictureMatch, 'added'> & { banked: boolean };

/**
 * What a confirmed picture adds to the log-odds: 2 multiplies the odds by seven, so that it lifts a watched listing over
 * the threshold but no clear one. Set beforehand and not tuned, since no labelled pictures are to be had.
 */
const sameHashAdd = 2;
const nearHashAdd = 1.5;

/** Weighs matches: a picture speaks only where people confirmed it more often than they dismissed it. */
export function weighMatches(known: readonly KnownPicture[]): PictureMatch[] {
  return known.map(({ banked, ...match }) => {
    const speaks = banked || match.confirmed > match.dismissed;
    return { ...match, added: speaks ? (match.distance === 0 ? sameHashAdd : nearHashAdd) : 0 };
  });
}

/**
 * The score with the strongest match added to the log-odds of the offer, and of what a picture of such stock shows:
 * `used` and `imported`. Several pictures add no more than one, as they come from one seller's album.
 */
export function addMatches(score: Score, matches: readonly PictureMatch[]): Score {
  const most = Math.max(0, ...matches.map(({ added }) => added));
  if (most === 0) return score;
  const { elements } = score;
  return {
    ...score,
    probability: raise(score.probability, most),
    elements: {
      ...elements,
      used: raise(elements.used, most),
      imported: raise(elements.imported, most),
    },
  };
}

/** A probability whose log-odds grow by `by`. */
function raise(probability: number, by: number): number {
  const odds = Math.exp(by) * probability;
  return odds / (odds + 1 - probability);
}
