import { Command, InvalidArgumentError, Option } from 'commander';

import { splits } from '../classifier/corpus.ts';
import { currentModelDir } from '../classifier/current-model.ts';
import { type Config, readConfig } from '../config.ts';
import { AppError } from '../domain/app-error.ts';
import { Role, roles } from '../domain/role.ts';
import { addBackupCommands } from './backup-commands.ts';
import { addBatchCommands } from './batch-commands.ts';
import { addDeadLetterCommands } from './dead-letter-commands.ts';
import type { EvaluateChoices } from './evaluate-model.ts';
import { say, tell } from './say.ts';
import { resultFormats } from './score-rows.ts';
import { serviceOf, withService } from './service-options.ts';
import { formatTable } from './table.ts';
import type { TrainChoices } from './train-model.ts';

const corpusDir = 'data/corpus';

const mostThreads = 64;

function threadCount(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > mostThreads)
    throw new InvalidArgumentError(`Give a number from 1 to ${mostThreads}.`);
  return count;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/**
 * Runs the command line. Each command loads what it needs when it is called, so that none waits for another's
 * libraries.
 *
 * @param argv as process.argv
 * @returns the exit code: 0 done, 1 failed, 2 wrong use
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const config = (): Config => readConfig(process.env);
  const program = new Command('saring')
    .description(
      'Finds offers of imported second-hand clothing in Indonesian listings, says why, and queues them for a person to decide.',
    )
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });

  program
    .command('serve')
    .description('answer requests, and work in the background unless REDIS_URL hands that to workers')
    .action(async () => {
      const { runServe } = await import('./run.ts');
      exitCode = await runServe(config());
    });

  program
    .command('work')
    .description('only work in the background, beside one or more services that share DATABASE_URL')
    .action(async () => {
      const { runWork } = await import('./run.ts');
      exitCode = await runWork(config());
    });

  program
    .command('score')
    .description('score files of listings (or standard input), row by row')
    .argument('[files...]', 'NDJSON, CSV or what a scraper wrote; - is standard input', [])
    .option('-o, --out <file>', 'write results here instead of to standard output; .csv or .ndjson')
    .addOption(new Option('-f, --format <format>', 'format of the results').choices([...resultFormats]))
    .option('-l, --lines', 'take each line for the text of one listing', false)
    .option('-t, --threads <count>', 'threads that score (default: by the size of the files)', threadCount)
    .action(
      async (
        files: string[],
        options: { out?: string; format?: 'ndjson' | 'csv'; lines: boolean; threads?: number },
      ) => {
        const { scoreFiles } = await import('./score.ts');
        const { models } = config();
        const { scored, bad, flag, watch, clear, seconds } = await scoreFiles({
          files,
          out: options.out ?? null,
          format: options.format ?? (options.out?.endsWith('.csv') === true ? 'csv' : 'ndjson'),
          lines: options.lines,
          threads: options.threads ?? null,
          modelDir: await currentModelDir(models.dir, models.version),
          backend: models.backend,
        });
        tell(
          `${scored} scored: ${flag} flagged, ${watch} to watch, ${clear} clear; ${bad} bad; ${seconds.toFixed(1)} s, ${Math.round(scored / seconds)} posts/s`,
        );
        if (scored === 0 && bad > 0) exitCode = 1;
      },
    );

  addBatchCommands(program);
  addBackupCommands(program, config);

  withService(program.command('reviews').description('show the review queue'))
    .addOption(
      new Option('--state <state>', 'which reviews').choices(['waiting', 'decided']).default('waiting'),
    )
    .option('--limit <count>', 'most reviews to show', wholeNumber, 50)
    .action(async (options: { state: 'waiting' | 'decided'; limit: number; url?: string; key?: string }) => {
      const { formatQueue, listQueue } = await import('./reviews.ts');
      say(formatQueue(await listQueue(options, config(), serviceOf(options))));
    });

  addDeadLetterCommands(program);

  program
    .command('train')
    .description('train a model from the corpus into models/<version>/ and put it in force')
    .option(
      '--corpus <folder>',
      'folder with train, validation and test, each of labelled NDJSON files',
      corpusDir,
    )
    .option('--background <file...>', 'NDJSON of real texts that speak of no used imported clothing', [])
    .option('--models <folder>', 'where models live (default: SARING_MODELS)')
    .option('--seed <number>', 'the same seed gives the same weights', wholeNumber, 1)
    .option('--epochs <count>', 'passes over the texts (default: as chosen on validation)', wholeNumber)
    .addOption(
      new Option('--backend <backend>', 'only wasm and js give the same weights on every machine')
        .choices(['native', 'wasm', 'js'])
        .default('wasm'),
    )
    .action(async ({ models, ...options }: TrainChoices) => {
      const { runTrain } = await import('./train-model.ts');
      say(await runTrain({ ...options, modelsDir: models ?? config().models.dir }));
    });

  program
    .command('evaluate')
    .description('measure the model on labelled NDJSON, or on the test split of the corpus')
    .argument('[files...]', 'NDJSON with text and label ("offer" or "other"), and slice where known', [])
    .option('--corpus <folder>', 'corpus to take when no file is named', corpusDir)
    .addOption(new Option('--split <split>', 'which part of the corpus').choices([...splits]).default('test'))
    .option('--report <file>', 'write a page with curves and the worst mistakes to read')
    .option('--evasion', 'measure what each way of hiding costs too', false)
    .action(async (files: string[], options: EvaluateChoices) => {
      const { runEvaluate } = await import('./evaluate-model.ts');
      say(await runEvaluate(files, options, config().models));
      if (options.report !== undefined) tell(`The report is in ${options.report}.`);
    });

  program
    .command('lexicon')
    .description('the words of the trade')
    .command('check')
    .description('show which words of the trade stand in a text, and what they mean')
    .argument('<text...>', 'the text')
    .action(async (words: string[]) => {
      const { checkText } = await import('./lexicon.ts');
      say(await checkText(words.join(' '), config().lexiconFile));
    });

  const keys = program.command('keys').description('API keys: who may ask what');
  withService(keys.command('create').description('create a key; its secret is shown this once'))
    .requiredOption('--name <name>', 'whose key it is')
    .addOption(new Option('--role <role>', 'what it may do').choices([...roles]).makeOptionMandatory())
    .action(async (options: { name: string; role: string; url?: string; key?: string }) => {
      const { openKeyOffice } = await import('./keys.ts');
      const office = openKeyOffice(config(), serviceOf(options));
      const key = await office.create(options.name, Role.parse(options.role));
      say(key.secret);
      tell(`Key of ${key.name} (${key.role}). It is shown only now.`);
    });
  withService(keys.command('list').description('all keys, without their secrets')).action(
    async (options: { url?: string; key?: string }) => {
      const { openKeyOffice } = await import('./keys.ts');
      const list = await openKeyOffice(config(), serviceOf(options)).list();
      say(
        formatTable(
          ['name', 'role', 'revoked'],
          list.map((key) => [key.name, key.role, key.revokedAt ?? '']),
        ),
      );
    },
  );
  withService(keys.command('revoke').description('end a key').argument('<name>', 'its name')).action(
    async (name: string, options: { url?: string; key?: string }) => {
      const { openKeyOffice } = await import('./keys.ts');
      await openKeyOffice(config(), serviceOf(options)).revoke(name);
      tell(`The key ${name} is revoked.`);
    },
  );

  program
    .command('captures')
    .description('frozen copies of pictures')
    .command('check')
    .description('hold every frozen copy against the record: is any missing or altered?')
    .action(async () => {
      const { checkCaptures } = await import('./captures.ts');
      const { report, sound } = await checkCaptures(config());
      say(report);
      if (!sound) exitCode = 1;
    });

  program
    .command('demo')
    .description('import the sample listings, show what is flagged and why, and keep serving')
    .action(async () => {
      const { runDemo } = await import('./run.ts');
      // The samples' pictures are no one's business to fetch.
      exitCode = await runDemo(readConfig({ LOG_LEVEL: 'warn', PICTURES: 'off', ...process.env }));
    });

  try {
    await program.parseAsync(argv);
  } catch (error) {
    return exitCodeOf(error);
  }
  return exitCode;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    // Commander has said already what was wrong; asking for help is no error.
    if (error.code.startsWith('commander.')) return 'exitCode' in error && error.exitCode === 0 ? 0 : 2;
    // Whoever read our output has had enough.
    if (error.code === 'EPIPE') return 0;
  }
  tell(
    `saring: ${error instanceof AppError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return 1;
}
