import { type ReadingProcess, startReadingProcess } from './reading-process.ts';

/** Reads text from pictures in a process of its own, which is started at the first picture and kept. */
export type TextReader = {
  /**
   * Reads the text of one picture: JPEG, PNG, WebP, GIF (its first frame) or AVIF. Calls wait for one another, since
   * there is one process and it reads one picture at a time. Whatever goes wrong with one picture, the next is read.
   *
   * @param signal gives up: a waiting picture when its turn comes, one being read at once
   * @returns a line per line, at most 10,000 UTF-16 units; '' where nothing can be read. confidence is the mean of the
   *   kept words', 0–1, and 0 where there are none
   * @throws PictureError reading-failed after the process crashed or took too long (passing, since both may be the
   *   machine's doing; the caller bounds the attempts) or took too much memory (not passing); too-many-pixels,
   *   not-a-picture (another format) and damaged, none passing
   * @throws the signal's reason
   */
  read(bytes: Uint8Array, signal?: AbortSignal): Promise<{ text: string; confidence: number }>;
  /** Ends the process; pictures still waiting or being read fail. */
  close(): Promise<void>;
};

export type TextReaderOptions = {
  /** For one picture, milliseconds. @default 20,000: most take 0.4 s, noise that looks like letters up to 6 s */
  timeoutMs: number;
  /** Resident memory of the process, MiB. @default 768: it settles at 220, and a picture of 50 million pixels takes 250 more, as AVIF 850 */
  maxRssMib: number;
  /** Width times height of a picture. @default 50,000,000, as phones make them */
  maxPixels: number;
  /** Words that Tesseract believes less are dropped, 0–1. @default 0.6, below which most were wrong */
  leastConfidence: number;
};

const defaults: TextReaderOptions = {
  timeoutMs: 20_000,
  maxRssMib: 768,
  maxPixels: 50_000_000,
  leastConfidence: 0.6,
};

/** Creates a reader; nothing is started before the first picture. */
export function createTextReader(options: Partial<TextReaderOptions> = {}): TextReader {
  const { timeoutMs, maxRssMib, maxPixels, leastConfidence } = { ...defaults, ...options };
  const closing = new AbortController();
  let current: ReadingProcess | null = null;
  let lastTurn: Promise<unknown> = Promise.resolve();

  async function readNow(bytes: Uint8Array, given?: AbortSignal) {
    const signal = given === undefined ? closing.signal : AbortSignal.any([closing.signal, given]);
    signal.throwIfAborted();
    if (current?.fit !== true) {
      current?.end();
      current = await startReadingProcess({ timeoutMs, maxRssMib }, signal);
    }
    return current.ask({ bytes, maxPixels, leastConfidence }, signal);
  }

  return {
    read(bytes, signal) {
      const turn = lastTurn.then(() => readNow(bytes, signal));
      lastTurn = turn.catch(() => {}); // whose caller hears of it
      return turn;
    },
    async close() {
      closing.abort(new Error('the reader of pictures was closed'));
      await lastTurn;
      current?.end();
      await current?.gone;
    },
  };
}
