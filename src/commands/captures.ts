import type { Config } from '../config.ts';
import { openCaptureStore } from '../images/capture-store.ts';
import { sweepCaptures } from '../images/sweep-captures.ts';
import { everyCapture } from '../store/captures.ts';
import { openStore } from '../store/db.ts';
import { startProgressBar } from './progress-bar.ts';

/**
 * Holds every frozen copy against the record.
 *
 * @returns what to print, and whether all is well
 * @throws AppError FOLDER_IN_USE or DATABASE_UNREACHABLE
 */
export async function checkCaptures(config: Config): Promise<{ report: string; sound: boolean }> {
  const store = await openStore(config.store);
  const captures = await openCaptureStore(config.pictures.captures);
  const bar = startProgressBar('checking', null);
  try {
    const { checked, counts, missing, altered, unknown } = await sweepCaptures(
      captures,
      everyCapture(store.db),
      {
        onProgress: ({ checked: done }) => bar.update(done, `${done} copies`),
      },
    );
    const lines = [
      `${checked} frozen copies checked: ${counts.missing} missing, ${counts.altered} altered, ${counts.unknown} that no record names`,
      ...missing.map((sha256) => `missing ${sha256}`),
      ...altered.map((sha256) => `altered ${sha256}`),
      ...unknown.map((sha256) => `unknown ${sha256}`),
    ];
    return { report: lines.join('\n'), sound: counts.missing + counts.altered === 0 };
  } finally {
    bar.stop();
    await captures.close();
    await store.close();
  }
}
