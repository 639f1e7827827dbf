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
import { type Bell, isLane, type JobQueue, lanes } from './queue/job-queue.ts';
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
/** Messages delivered at a time: receivers are mostly waited for. */
const webhooksAtOnce = 8;
/** Bells of a lane rung at once for work that was just written down. */
const bellsAtOnce = 200;

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
    const metrics = createMetrics({ db: store.db, queue });
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
      onAssessed: metrics.countAssessments,
    });
    undo.push(() => pictures.close());
    const webhooks = createWebhookSender(config.webhooks);
    const overdue = async (limit: number): Promise<Bell[]> => {
      const bells: Bell[] = [];
      for (const lane of lanes)
        for (const { id } of await overdueWork(store.db, lane, limit)) bells.push({ lane, workId: id });
      return bells;
    };
    const ringSoon = createSoon(async () => queue.ring(await overdue(bellsAtOnce)), onError);
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
            take: async (id, leaseMs) => {
              const work = await takeWork(store.db, id, leaseMs);
              return work === null || !isLane(work.lane) ? null : { ...work, lane: work.lane };
            },
            renew: (id, leaseMs) => renewWork(store.db, id, leaseMs),
            fail: async (work, error, retryAt) => {
              if (retryAt !== null) return await failWork(store.db, work.id, error, retryAt);
              await giveUpWork(store.db, work.id, error);
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
          maxAttempts,
          concurrency: {
            concurrency: config.work.concurrency,
            wider: { capture: config.pictures.atOnce, webhook: webhooksAtOnce },
          },
          reconcileEveryMs,
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
