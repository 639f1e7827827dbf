import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import tesseract from 'tesseract.js';
import type { SeenWord } from './kept-words.ts';

/** Read together: Indonesian alone misread brand and trade words, English alone Indonesian ones. */
const models = {
  ind: import.meta.resolve('@tesseract.js-data/ind/4.0.0_best_int/ind.traineddata.gz'),
  eng: import.meta.resolve('@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz'),
};

/** Looks for text in one picture at a time. */
export type Recogniser = {
  /** @returns lines of words in the order of reading; none where nothing looks like text */
  recognise(picture: Buffer): Promise<SeenWord[][]>;
};

/**
 * Loads Tesseract and its models from their packages; nothing is fetched. It computes in a thread of its own.
 *
 * @throws Error where a package is missing or the system's temporary folder cannot be written
 */
export async function openRecogniser(): Promise<Recogniser> {
  const folder = modelFolder();
  try {
    const worker = await tesseract.createWorker(Object.keys(models), tesseract.OEM.LSTM_ONLY, {
      langPath: folder,
      cacheMethod: 'none',
      errorHandler: () => {}, // the promise is rejected too; without this the error would be thrown once more
    });
    await worker.setParameters({
      // Banners and price cards are words here and there, not columns of prose.
      tessedit_pageseg_mode: tesseract.PSM.SPARSE_TEXT,
      user_defined_dpi: '300', // or it guesses, and says so
    });
    return {
      async recognise(picture) {
        const { data } = await worker.recognize(picture, {}, { text: false, blocks: true });
        return (data.blocks ?? []).flatMap((block) =>
          block.paragraphs.flatMap((paragraph) =>
            paragraph.lines.map((line) =>
              line.words.map((word) => ({ text: word.text, confidence: word.confidence / 100 })),
            ),
          ),
        );
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder with links to all models: tesseract.js looks in one folder, and each model is a package of its own. */
function modelFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saring-ocr-'));
  for (const [language, model] of Object.entries(models)) {
    symlinkSync(fileURLToPath(model), join(folder, `${language}.traineddata.gz`));
  }
  return folder;
}
