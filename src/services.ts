import type { Logger } from 'pino';
import { type Assessor, createAssessor } from './assess.ts';
import { type Classifier, loadClassifier } from './classifier/classifier.ts';
import { currentModelDir } from './classifier/current-model.ts';
import { type Lexicon, readLexicon } from './classifier/lexicon.ts';
import type { Config } from './config.ts';
import { webhookHandler } from './deliver-webhooks.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createWebhookSender, type WebhookSender } from './outbound/send-webhook.ts';
import { openPictureServices, type PictureServices } from './picture-services.ts';
import { createBullmqQueue } from './queue/bullmq-queue.ts';
import { createInProcessQueue } from './queue/in-process-queue.ts';
import { type Bell, type JobQueue, type Lane, lanes } from './queue/job-queue.ts';
import { createRunner, type Runner, type WorkHandler } from './queue/runner.ts';
import { createSoon } from './soon.ts';
import { giveUpWork } from './store/batch-work.ts';
import { openStore, type Store } from './store/db.ts';
import { endLeases, failWork, overdueWork, renewWork, takeWork } from './store/work.ts';
import { scheduleUpkeep, type Upkeep, upkeepHandler } from './upkeep.ts';

/** Everything a running saring is made of. */
export type Services = {
  config: Config;
  log: Logger;
  store: Store;
  classifier: Classifier;
  lexicon: Lexicon;
  assessor: Assessor;
  queue: JobQueue;
  metrics: Metrics;
  pictures: PictureServices;
  webhooks: WebhookSender;
  /** Has work that was just written down looked at now, rather than at the reconciler's next turn. */
  ringSoon(): void;
  /** Takes background work from now on, and asks for upkeep. Commands that only ring do not call it. */
  startWork(): Promise<void>;
  /** Finishes what was begun and frees everything. */
  close(): Promise<void>;
};

/** How often a chunk that fails is tried; waits double from a second, so the last try is about four minutes on. */
const maxAttempts = 8;
const reconcileEveryMs = 5_000;
/** Lanes whose work other work leaves behind. */
const followingLanes: readonly Lane[] = ['capture', 'read', 'rescore', 'webhook'];
/** Bells of a lane rung at once for such work: more than are answered until the next. */
const bellsAtOnce = 50;
/**
 * Chunks scored at a time: scoring takes a processor whole, so more processors want more workers, and analysts wait for no
 * more of them than there are.
 */
const chunksAtOnce = 1;
/** Messages delivered at a time: receivers are mostly waited for. */
const webhooksAtOnce = 8;

/**
 * Builds everything once, in order. What was built before a failure is closed again.
 *
 * @throws AppError as the store and the classifier do
 */
export async function createServices(config: Config, log: Logger): Promise<Services> {
  const undo: (() => Promise<void>)[] = [];
  const close = async () => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    const classifier = await loadClassifier({
      modelDir: await currentModelDir(config.models.dir, config.models.version),
      backend: config.models.backend,
    });
    undo.push(async () => classifier.close());
    const lexicon = await readLexicon(config.lexiconFile);
    const store = await openStore(config.store);
    undo.push(() => store.close());
    const onError = (error: unknown) => log.error({ err: error }, 'queue failed');
    const queue =
      config.redisUrl === null
        ? createInProcessQueue({ onError })
        : await createBullmqQueue({ redisUrl: config.redisUrl, onError });
    undo.push(() => queue.close({ graceMs: config.shutdownMs }));
    const metrics = createMetrics({ store, queue, folders: foldersOf(config) });
    const assessor = createAssessor({
      db: store.db,
      classifier,
      pictures: config.pictures.on,
      onAssessed: metrics.countAssessments,
    });
    const pictures = await openPictureServices({
      config: config.pictures,
      db: store.db,
      classifier,
      maxAttempts,
      onAssessed: (assessments) => metrics.countAssessments('pictures', assessments),
      onCapture: metrics.countCapture,
    });
    undo.push(() => pictures.close());
    const webhooks = createWebhookSender(config.webhooks);
    const overdue = async (limit: number, of: readonly Lane[] = lanes): Promise<Bell[]> => {
      const bells: Bell[] = [];
      for (const lane of of)
        for (const workId of await overdueWork(store.db, lane, limit)) bells.push({ lane, workId });
      return bells;
    };
    const ringSoon = createSoon(async () => queue.ring(await overdue(bellsAtOnce, followingLanes)), onError);
    undo.push(() => ringSoon.close());
    let runner: Runner | null = null;
    let upkeep: Upkeep | null = null;
    undo.push(async () => {
      upkeep?.stop();
      await runner?.close();
    });
    log.info(
      {
        engine: store.engine,
        queue: config.redisUrl === null ? 'in process' : 'redis',
        backend: classifier.backend,
        model: classifier.modelVersion,
      },
      'services ready',
    );
    return {
      config,
      log,
      store,
      classifier,
      lexicon,
      assessor,
      queue,
      metrics,
      pictures,
      webhooks,
      ringSoon: ringSoon.ask,
      close,
      async startWork() {
        if (store.engine === 'embedded') await endLeases(store.db);
        // What these do leaves more work behind.
        const andRing =
          (handler: WorkHandler): WorkHandler =>
          async (work, signal) => {
            await handler(work, signal);
            ringSoon.ask();
          };
        runner = createRunner({
          queue,
          ledger: {
            take: async (lane, leaseMs) => {
              const work = await takeWork(store.db, lane, leaseMs);
              return work === null ? null : { ...work, lane };
            },
            renew: (work, leaseMs) => renewWork(store.db, work, leaseMs),
            fail: async (work, error, retryMs) => {
              if (retryMs !== null) return await failWork(store.db, work, error, retryMs);
              await giveUpWork(store.db, work, error);
              ringSoon.ask();
            },
            overdue,
          },
          handlers: {
            assess: andRing((work) => assessor.assessChunk(work)),
            capture: andRing(pictures.handlers.capture),
            read: andRing(pictures.handlers.read),
            rescore: pictures.handlers.rescore,
            webhook: webhookHandler({ db: store.db, sender: webhooks }),
            upkeep: upkeepHandler(store),
          },
          dividers: { assess: (work) => assessor.divideChunk(work) },
          maxAttempts,
          concurrency: {
            concurrency: config.work.concurrency,
            ofLane: { assess: chunksAtOnce, capture: config.pictures.atOnce, webhook: webhooksAtOnce },
          },
          reconcileEveryMs,
          onWork: metrics.countWork,
          log,
        });
        await runner.start();
        upkeep = scheduleUpkeep({ store, queue, everyMs: config.work.snapshotEveryMs, log });
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Folders that a full disk would stop. */
function foldersOf({ store, pictures: { captures } }: Config): Record<string, string> {
  return {
    ...(store.engine === 'embedded' ? { data: store.folder } : {}),
    ...(captures.kind === 'folder' ? { captures: captures.folder } : {}),
  };
}
