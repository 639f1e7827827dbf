import { formatEvaluation } from '../classifier/evaluate.ts';
import { standardEpochs, train } from '../classifier/train.ts';
import { startProgressBar } from './progress-bar.ts';

/** What `saring train` was told. */
export type TrainChoices = {
  corpus: string;
  background: string[];
  models?: string;
  seed: number;
  epochs?: number;
  backend: 'native' | 'wasm' | 'js';
};

/**
 * Trains a model with a progress bar.
 *
 * @returns how good it is, to be printed
 * @throws what train throws
 */
export async function runTrain(
  options: Omit<TrainChoices, 'models'> & { modelsDir: string },
): Promise<string> {
  const epochs = options.epochs ?? standardEpochs;
  const bar = startProgressBar('training', epochs);
  const began = performance.now();
  const { validation, test, background, dir, policy } = await train({
    corpusDir: options.corpus,
    backgroundFiles: options.background,
    modelsDir: options.modelsDir,
    seed: options.seed,
    epochs,
    backend: options.backend,
    onProgress: ({ done, detail }) => bar.update(done, detail),
  }).finally(() => bar.stop());
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return [
    `Validation\n${formatEvaluation(validation)}`,
    `Test\n${formatEvaluation(test)}`,
    ...(background === null ? [] : [`Background texts not learned from\n${formatEvaluation(background)}`]),
    `${dir} in ${seconds} s; flags at ${policy.flagAt}`,
  ].join('\n\n');
}
