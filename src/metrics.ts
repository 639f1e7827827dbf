import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { Assessment } from './domain/assessment.ts';
import { verdicts } from './domain/policy.ts';
import { outcomes } from './domain/review.ts';
import { createMeasuredGauges, type Measured } from './measured-gauges.ts';
import { lanes } from './queue/job-queue.ts';
import { type WorkEnd, workOutcomes } from './queue/runner.ts';

/** Why a text was assessed: somebody asked for it, it came in a batch, or its pictures had something to say. */
const assessmentCauses = ['request', 'batch', 'pictures'] as const;
type AssessmentCause = (typeof assessmentCauses)[number];

/** What /metrics shows, in Prometheus' text format. */
export type Metrics = {
  countAssessments(by: AssessmentCause, assessments: readonly Pick<Assessment, 'verdict'>[]): void;
  /** @param seconds from the request's arrival to its answer's end */
  countRequest(request: { method: string; route: string; status: number }, seconds: number): void;
  countWork(end: WorkEnd): void;
  /** @param outcome `captured`, `put-off`, or what was wrong with the picture */
  countCapture(outcome: string): void;
  /** @param outcome as it was decided, or `undone` */
  countDecision(outcome: (typeof outcomes)[number] | 'undone'): void;
  /** The page and its content type; what lives in the database, in the queue and on the disk is read now. */
  page(): Promise<{ contentType: string; body: string }>;
};

/** Builds an own registry, so that two services in one process (as in tests) do not count into each other. */
export function createMetrics(measured: Measured): Metrics {
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
    help: 'Texts assessed by this process, by verdict and by what asked for it',
    labelNames: ['verdict', 'by'],
    registers,
  });
  const work = new Counter({
    name: 'saring_work_ended_total',
    help: 'Pieces of background work that this process has done, put off, failed to do, or given up',
    labelNames: ['lane', 'outcome'],
    registers,
  });
  const workTime = new Histogram({
    name: 'saring_work_duration_seconds',
    help: 'Time this process had a piece of background work in hand',
    labelNames: ['lane'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
    registers,
  });
  const workAge = new Histogram({
    name: 'saring_work_age_seconds',
    help: 'Time from when background work was asked for until it was done; of assess, from upload to scored',
    labelNames: ['lane'],
    buckets: [0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400],
    registers,
  });
  const captures = new Counter({
    name: 'saring_captures_total',
    help: 'Pictures that were fetched and frozen, put off, or could not be had and why',
    labelNames: ['outcome'],
    registers,
  });
  const decisions = new Counter({
    name: 'saring_decisions_total',
    help: 'Decisions of reviewers that this process wrote down, and those taken back',
    labelNames: ['outcome'],
    registers,
  });
  // A counter that appears with its first event hides that event from rate().
  for (const verdict of verdicts) for (const by of assessmentCauses) assessed.inc({ verdict, by }, 0);
  for (const lane of lanes) {
    for (const outcome of workOutcomes) work.inc({ lane, outcome }, 0);
    workTime.zero({ lane });
    workAge.zero({ lane });
  }
  for (const outcome of ['captured', 'put-off']) captures.inc({ outcome }, 0);
  for (const outcome of [...outcomes, 'undone']) decisions.inc({ outcome }, 0);
  const readGauges = createMeasuredGauges(registry, measured);
  return {
    countAssessments(by, assessments) {
      for (const { verdict } of assessments) assessed.inc({ verdict, by });
    },
    countRequest({ method, route, status }, seconds) {
      requests.observe({ method, route, status }, seconds);
    },
    countWork({ lane, outcome, seconds, ageSeconds }) {
      work.inc({ lane, outcome });
      workTime.observe({ lane }, seconds);
      if (outcome === 'done') workAge.observe({ lane }, ageSeconds);
    },
    countCapture(outcome) {
      captures.inc({ outcome });
    },
    countDecision(outcome) {
      decisions.inc({ outcome });
    },
    async page() {
      await readGauges();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
