import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Assessment } from './domain/assessment.ts';
import { verdicts } from './domain/policy.ts';
import type { JobQueue } from './queue/job-queue.ts';
import { queueStats } from './review/list-reviews.ts';
import type { Db } from './store/db.ts';
import { countWork } from './store/work.ts';

/** What /metrics shows, in Prometheus' text format. */
export type Metrics = {
  countAssessments(assessments: readonly Assessment[]): void;
  /** @param seconds from the request's arrival to its answer's end */
  countRequest(request: { method: string; route: string; status: number }, seconds: number): void;
  /** The page and its content type; counts that live in the database are read now. */
  page(): Promise<{ contentType: string; body: string }>;
};

/** Builds an own registry, so that two services in one process (as in tests) do not count into each other. */
export function createMetrics(deps: { db: Db; queue: JobQueue }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Histogram({
    name: 'saring_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const assessed = new Counter({
    name: 'saring_assessments_total',
    help: 'Texts assessed by this process, by verdict',
    labelNames: ['verdict'],
    registers,
  });
  for (const verdict of verdicts) assessed.inc({ verdict }, 0);
  const reviews = new Gauge({
    name: 'saring_reviews',
    help: 'Reviews that wait, and of these the ones a reviewer holds',
    labelNames: ['state'],
    registers,
  });
  const oldest = new Gauge({
    name: 'saring_reviews_oldest_seconds',
    help: 'Age of the oldest waiting review',
    registers,
  });
  const work = new Gauge({
    name: 'saring_work',
    help: 'Background work that is pending, and that was given up',
    labelNames: ['state'],
    registers,
  });
  const bells = new Gauge({
    name: 'saring_queue_bells',
    help: 'Bells of the queue not yet answered, by lane',
    labelNames: ['lane'],
    registers,
  });
  return {
    countAssessments(assessments) {
      for (const { verdict } of assessments) assessed.inc({ verdict });
    },
    countRequest({ method, route, status }, seconds) {
      requests.observe({ method, route, status }, seconds);
    },
    async page() {
      const [stats, ledger, depth] = await Promise.all([
        queueStats(deps.db),
        countWork(deps.db),
        deps.queue.depth(),
      ]);
      reviews.set({ state: 'waiting' }, stats.waiting);
      reviews.set({ state: 'claimed' }, stats.claimed);
      oldest.set(stats.oldestWaitingSeconds ?? 0);
      work.set({ state: 'pending' }, ledger.pending);
      work.set({ state: 'failed' }, ledger.failed);
      for (const [lane, count] of Object.entries(depth)) bells.set({ lane }, count);
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
