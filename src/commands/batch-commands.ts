import { type Command, InvalidArgumentError, Option } from 'commander';
import { say, tell } from './say.ts';
import { resultFormats } from './score-rows.ts';
import { requireService, type ServiceOptions, withService } from './service-options.ts';

type SubmitOptions = { name?: string; webhook?: string; watch: boolean };

const longestList = 200;

/** Adds the commands for files that a running service scores in the background. */
export function addBatchCommands(program: Command): void {
  const batch = program.command('batch').description('files that a running service scores in the background');

  withService(batch.command('submit').description('upload a file; again, it goes on where it stopped'))
    .argument('<file>', 'NDJSON, CSV or what a scraper wrote, plain or gzip')
    .option('--name <name>', 'what to call it (default: the name of the file)')
    .option('--webhook <url>', 'address to tell when it is done or cancelled')
    .option('-w, --watch', 'wait until it is scored', false)
    .action(async (file: string, options: ServiceOptions & SubmitOptions) => {
      const { describeBatch, submitBatch, watchBatch } = await import('./batches.ts');
      const service = requireService(options);
      const sent = await submitBatch(service, file, {
        name: options.name ?? null,
        webhook: options.webhook ?? null,
      });
      say(sent.id);
      tell(describeBatch(options.watch ? await watchBatch(service, sent.id) : sent));
    });

  withService(batch.command('watch').description('wait until a batch is scored'))
    .argument('<id>', 'id of the batch')
    .action(async (id: string, options: ServiceOptions) => {
      const { describeBatch, watchBatch } = await import('./batches.ts');
      tell(describeBatch(await watchBatch(requireService(options), id)));
    });

  withService(batch.command('list').description('the newest batches'))
    .addOption(
      new Option('--state <state>', 'only those whose upload is').choices([
        'receiving',
        'received',
        'cut',
        'cancelled',
      ]),
    )
    .option('-n, --limit <number>', `how many, up to ${longestList}`, readLimit, 20)
    .action(async (options: ServiceOptions & { state?: string; limit: number }) => {
      const { listBatches } = await import('./batches.ts');
      const { state = null, limit } = options;
      say(await listBatches(requireService(options), { state, limit }));
    });

  withService(batch.command('cancel').description('score no more of a batch; what is scored stays'))
    .argument('<id>', 'id of the batch')
    .action(async (id: string, options: ServiceOptions) => {
      const { cancelBatch, describeBatch } = await import('./batches.ts');
      tell(describeBatch(await cancelBatch(requireService(options), id)));
    });

  withService(batch.command('retry').description('score the rows of a batch again that were given up'))
    .argument('<id>', 'id of the batch')
    .action(async (id: string, options: ServiceOptions) => {
      const { describeBatch, retryBatch } = await import('./batches.ts');
      tell(describeBatch(await retryBatch(requireService(options), id)));
    });

  withService(batch.command('secret').description('what messages to a webhook are signed with'))
    .argument('<url>', 'address of the webhook')
    .action(async (url: string, options: ServiceOptions) => {
      const { fetchSecret } = await import('./batches.ts');
      say(await fetchSecret(requireService(options), url));
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

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= longestList) return limit;
  throw new InvalidArgumentError(`must be a whole number from 1 to ${longestList}.`);
}
