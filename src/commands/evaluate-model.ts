import { writeFile } from 'node:fs/promises';
import { loadClassifier } from '../classifier/classifier.ts';
import { readCorpus, readLabelled, type Split } from '../classifier/corpus.ts';
import { currentModelDir } from '../classifier/current-model.ts';
import { formatEvaluation, judge, summarise } from '../classifier/evaluate.ts';
import { formatEvasion, measureEvasion } from '../classifier/evasion.ts';
import { reportPage } from '../classifier/report-page.ts';
import type { Config } from '../config.ts';
import { startProgressBar } from './progress-bar.ts';

/** What `saring evaluate` was told. */
export type EvaluateChoices = { corpus: string; split: Split; report?: string; evasion: boolean };

/**
 * Measures the model in force on labelled files, or on a split of the corpus where none is named, and writes the report
 * page that was asked for.
 *
 * @returns the figures, to be printed
 * @throws AppError MODEL_INVALID, BACKEND_UNAVAILABLE, FILE_UNREADABLE or CORPUS_INVALID
 */
export async function runEvaluate(
  files: readonly string[],
  options: EvaluateChoices,
  models: Config['models'],
): Promise<string> {
  const modelDir = await currentModelDir(models.dir, models.version);
  const classifier = await loadClassifier({ modelDir, backend: models.backend });
  const rows =
    files.length > 0
      ? (await Promise.all(files.map(readLabelled))).flat()
      : (await readCorpus(options.corpus))[options.split];
  const bar = startProgressBar('evaluating', rows.length);
  const judged = judge(classifier, rows, (done) => bar.update(done, `${done} texts`));
  bar.stop();
  const evaluation = summarise(classifier, judged);
  const evasion = options.evasion ? `\n\n${formatEvasion(measureEvasion(classifier, rows))}` : '';
  if (options.report !== undefined) {
    const title = files.length > 0 ? files.join(', ') : `${options.corpus}, ${options.split}`;
    await writeFile(options.report, reportPage({ title, evaluation, judged }));
  }
  return `${formatEvaluation(evaluation)}${evasion}`;
}
