import { type Command, Option } from 'commander';
import { say, tell } from './say.ts';
import { resultFormats } from './score-rows.ts';
import { requireService, type ServiceOptions, withService } from './service-options.ts';

/** Adds the commands for files that a running service scores in the background. */
export function addBatchCommands(program: Command): void {
  const batch = program.command('batch').description('files that a running service scores in the background');

  withService(batch.command('submit').description('upload a file; again, it goes on where it stopped'))
    .argument('<file>', 'NDJSON, CSV or what a scraper wrote, plain or gzip')
    .option('--name <name>', 'what to call it (default: the name of the file)')
    .option('-w, --watch', 'wait until it is scored', false)
    .action(async (file: string, options: ServiceOptions & { name?: string; watch: boolean }) => {
      const { describeBatch, submitBatch, watchBatch } = await import('./batches.ts');
      const service = requireService(options);
      const sent = await submitBatch(service, file, options.name ?? null);
      say(sent.id);
      tell(describeBatch(options.watch ? await watchBatch(service, sent.id) : sent));
    });

  withService(batch.command('watch').description('wait until a batch is scored'))
    .argument('<id>', 'id of the batch')
    .action(async (id: string, options: ServiceOptions) => {
      const { describeBatch, watchBatch } = await import('./batches.ts');
      tell(describeBatch(await watchBatch(requireService(options), id)));
    });

  withService(batch.command('results').description('what the rows of a batch became'))
    .argument('<id>', 'id of the batch')
    .option('-o, --out <file>', 'write results here instead of to standard output; .csv or .ndjson')
    .addOption(new Option('-f, --format <format>', 'format of the results').choices([...resultFormats]))
    .action(async (id: string, options: ServiceOptions & { out?: string; format?: 'ndjson' | 'csv' }) => {
      const { fetchResults } = await import('./batches.ts');
      const { done } = await fetchResults(requireService(options), id, {
        out: options.out ?? null,
        format: options.format ?? (options.out?.endsWith('.csv') === true ? 'csv' : 'ndjson'),
      });
      if (!done) tell('The batch is not done; these are the results so far.');
    });
}
