import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadClassifier } from '../classifier/classifier.ts';
import { readCorpus, readLabelled, type Split, splits } from '../classifier/corpus.ts';
import { currentModelDir } from '../classifier/current-model.ts';
import { formatEvaluation, judge, summarise } from '../classifier/evaluate.ts';
import { formatEvasion, measureEvasion } from '../classifier/evasion.ts';
import { readLexicon } from '../classifier/lexicon.ts';
import { reportPage } from '../classifier/report-page.ts';
import { standardEpochs, train } from '../classifier/train.ts';
import { type Config, readConfig } from '../config.ts';
import { AppError } from '../domain/app-error.ts';
import { Role, roles } from '../domain/role.ts';
import { createServices } from '../services.ts';
import { describeFlags, importSamples } from './demo.ts';
import { openKeyOffice } from './keys.ts';
import { formatTerms } from './lexicon.ts';
import { startProgressBar } from './progress-bar.ts';
import { resultFormats } from './result-writer.ts';
import { formatQueue, listQueue } from './reviews.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { scoreFiles } from './score.ts';
import { createLog, startService } from './serve.ts';
import type { ServiceAddress } from './service-client.ts';
import { formatTable } from './table.ts';

const corpusDir = 'data/corpus';

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** A service named by options or by SARING_URL and SARING_KEY; null when none is. */
function serviceOf(options: { url?: string; key?: string }): ServiceAddress | null {
  if (options.url === undefined) return null;
  if (options.key === undefined)
    throw new AppError('KEY_MISSING', 422, '--url needs a key too: --key or SARING_KEY');
  if (URL.parse(options.url) === null)
    throw new AppError('URL_INVALID', 422, `--url must be an address such as http://127.0.0.1:8080`);
  return { url: options.url, key: options.key };
}

type EvaluateOptions = { corpus: string; split: Split; report?: string; evasion: boolean };

function withService(command: Command): Command {
  return command
    .addOption(new Option('--url <address>', 'a running service to ask').env('SARING_URL'))
    .addOption(new Option('--key <key>', 'API key for that service').env('SARING_KEY'));
}

/**
 * Runs the command line.
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
      const settings = config();
      const log = createLog(settings);
      const service = await startService(settings, log);
      if (service.firstKey !== null) {
        tell(
          `First start: your admin key is ${service.firstKey}\nIt is shown only now. Make keys for people with: saring keys create`,
        );
      }
      log.info({ address: service.address }, 'listening');
      exitCode = await runUntilStopped(service, settings.shutdownMs, log);
    });

  program
    .command('work')
    .description('only work in the background, beside one or more services that share DATABASE_URL')
    .action(async () => {
      const settings = config();
      const log = createLog(settings);
      const services = await createServices(settings, log);
      await services.startWork();
      log.info('working');
      exitCode = await runUntilStopped(services, settings.shutdownMs, log);
    });

  program
    .command('score')
    .description('score files of listings (or standard input), row by row')
    .argument('[files...]', 'NDJSON, CSV or what a scraper wrote; - is standard input', [])
    .option('-o, --out <file>', 'write results here instead of to standard output; .csv or .ndjson')
    .addOption(new Option('-f, --format <format>', 'format of the results').choices([...resultFormats]))
    .action(async (files: string[], options: { out?: string; format?: 'ndjson' | 'csv' }) => {
      const settings = config();
      const classifier = await loadClassifier({
        modelDir: await currentModelDir(settings.models.dir, settings.models.version),
        backend: settings.models.backend,
      });
      const format = options.format ?? (options.out?.endsWith('.csv') === true ? 'csv' : 'ndjson');
      const summary = await scoreFiles({ files, out: options.out ?? null, format }, classifier);
      const { scored, bad, flag, watch, clear, seconds } = summary;
      tell(
        `${scored} scored: ${flag} flagged, ${watch} to watch, ${clear} clear; ${bad} bad; ${seconds.toFixed(1)} s, ${Math.round(scored / seconds)} posts/s`,
      );
      if (scored === 0 && bad > 0) exitCode = 1;
    });

  withService(program.command('reviews').description('show the review queue'))
    .addOption(
      new Option('--state <state>', 'which reviews').choices(['waiting', 'decided']).default('waiting'),
    )
    .option('--limit <count>', 'most reviews to show', wholeNumber, 50)
    .action(async (options: { state: 'waiting' | 'decided'; limit: number; url?: string; key?: string }) => {
      say(formatQueue(await listQueue(options, config(), serviceOf(options))));
    });

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
    .option('--epochs <count>', 'passes over the texts', wholeNumber, standardEpochs)
    .addOption(
      new Option('--backend <backend>', 'only wasm and js give the same weights on every machine')
        .choices(['native', 'wasm', 'js'])
        .default('wasm'),
    )
    .action(
      async (options: {
        corpus: string;
        background: string[];
        models?: string;
        seed: number;
        epochs: number;
        backend: 'native' | 'wasm' | 'js';
      }) => {
        const bar = startProgressBar('training', options.epochs);
        const began = performance.now();
        const result = await train({
          corpusDir: options.corpus,
          backgroundFiles: options.background,
          modelsDir: options.models ?? config().models.dir,
          seed: options.seed,
          epochs: options.epochs,
          backend: options.backend,
          onProgress: ({ done, detail }) => bar.update(done, detail),
        }).finally(() => bar.stop());
        say(`Validation\n${formatEvaluation(result.validation)}\n\nTest\n${formatEvaluation(result.test)}\n`);
        if (result.background !== null)
          say(`Background texts not learned from\n${formatEvaluation(result.background)}\n`);
        say(
          `${result.dir} in ${((performance.now() - began) / 1000).toFixed(1)} s; flags at ${result.policy.flagAt}`,
        );
      },
    );

  program
    .command('evaluate')
    .description('measure the model on labelled NDJSON, or on the test split of the corpus')
    .argument('[files...]', 'NDJSON with text and label ("offer" or "other"), and slice where known', [])
    .option('--corpus <folder>', 'corpus to take when no file is named', corpusDir)
    .addOption(new Option('--split <split>', 'which part of the corpus').choices([...splits]).default('test'))
    .option('--report <file>', 'write a page with curves and the worst mistakes to read')
    .option('--evasion', 'measure what each way of hiding costs too', false)
    .action(async (files: string[], options: EvaluateOptions) => {
      const settings = config();
      const classifier = await loadClassifier({
        modelDir: await currentModelDir(settings.models.dir, settings.models.version),
        backend: settings.models.backend,
      });
      const rows =
        files.length > 0
          ? (await Promise.all(files.map(readLabelled))).flat()
          : (await readCorpus(options.corpus))[options.split];
      const bar = startProgressBar('evaluating', rows.length);
      const judged = judge(classifier, rows, (done) => bar.update(done, `${done} texts`));
      bar.stop();
      const evaluation = summarise(classifier, judged);
      say(formatEvaluation(evaluation));
      if (options.evasion) say(`\n${formatEvasion(measureEvasion(classifier, rows))}`);
      if (options.report !== undefined) {
        const title = files.length > 0 ? files.join(', ') : `${options.corpus}, ${options.split}`;
        await writeFile(options.report, reportPage({ title, evaluation, judged }));
        tell(`The report is in ${options.report}.`);
      }
    });

  program
    .command('lexicon')
    .description('the words of the trade')
    .command('check')
    .description('show which words of the trade stand in a text, and what they mean')
    .argument('<text...>', 'the text')
    .action(async (words: string[]) => {
      const { find } = await readLexicon(config().lexiconFile);
      const found = find(words.join(' '));
      say(
        found.length === 0
          ? 'No word of the trade stands in this text.'
          : formatTerms(words.join(' '), found),
      );
    });

  const keys = program.command('keys').description('API keys: who may ask what');
  withService(keys.command('create').description('create a key; its secret is shown this once'))
    .requiredOption('--name <name>', 'whose key it is')
    .addOption(new Option('--role <role>', 'what it may do').choices([...roles]).makeOptionMandatory())
    .action(async (options: { name: string; role: string; url?: string; key?: string }) => {
      const office = openKeyOffice(config(), serviceOf(options));
      const key = await office.create(options.name, Role.parse(options.role));
      say(key.secret);
      tell(`Key of ${key.name} (${key.role}). It is shown only now.`);
    });
  withService(keys.command('list').description('all keys, without their secrets')).action(
    async (options: { url?: string; key?: string }) => {
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
      await openKeyOffice(config(), serviceOf(options)).revoke(name);
      tell(`The key ${name} is revoked.`);
    },
  );

  program
    .command('demo')
    .description('import the sample listings, show what is flagged and why, and keep serving')
    .action(async () => {
      const settings = readConfig({ LOG_LEVEL: 'warn', ...process.env });
      const log = createLog(settings);
      tell('Setting up; the first start takes a few seconds.');
      const service = await startService(settings, log, importSamples);
      say(await describeFlags(service.services, 40));
      say(`\nsaring answers at ${service.address} (its API: ${service.address}/docs). Stop it with Ctrl-C.`);
      if (service.firstKey !== null) say(`Your admin key, shown only now: ${service.firstKey}`);
      exitCode = await runUntilStopped(service, settings.shutdownMs, log);
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
