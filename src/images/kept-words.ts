import { maxTextUnits } from './reading-messages.ts';

/** A word as the recogniser gives it; confidence is 0–1. */
export type SeenWord = { text: string; confidence: number };

/** Text that counts, and the mean confidence of its words, 0–1; 0 where nothing was kept. */
export type KeptText = {
  text: string;
  confidence: number;
  /** Letters and digits, each counted as far as it is believed: of two readings the one with more says more. */
  weight: number;
};

/**
 * Keeps the words that are likely there, a line per line.
 *
 * @param lines in the order of reading
 * @param leastConfidence 0–1; words below are left out, and so is whatever has no letter or digit
 */
export function keepWords(lines: readonly SeenWord[][], leastConfidence: number): KeptText {
  const kept: string[] = [];
  let words = 0;
  let confidences = 0;
  let weight = 0;
  for (const line of lines) {
    const believed = line.filter(
      (word) => word.confidence >= leastConfidence && /[\p{L}\p{N}]/u.test(word.text),
    );
    for (const word of believed) {
      words += 1;
      confidences += word.confidence;
      weight += word.confidence * (word.text.match(/[\p{L}\p{N}]/gu)?.length ?? 0);
    }
    const text = believed.map((word) => plain(word.text)).join(' ');
    if (text !== '') kept.push(text);
  }
  const text = kept.join('\n').slice(0, maxTextUnits).toWellFormed();
  return { text, confidence: words === 0 ? 0 : Math.min(1, confidences / words), weight };
}

/** A word without white space, control and invisible characters. */
function plain(word: string): string {
  return word.replace(/[\s\p{C}]/gu, '');
}
