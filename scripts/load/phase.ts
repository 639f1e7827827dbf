import { join } from 'node:path';
import type { ProcessorTime } from '../night/processor-time.ts';
import { topSelfTimes } from '../night/profile.ts';
import { markdownTable } from '../peers/markdown-table.ts';
import type { KindSummary, Latencies } from './latencies.ts';

const functionsShown = 30;

/** What a time of so many seconds was like. */
export type Phase = {
  name: string;
  seconds: number;
  latencies: Latencies;
  lateness: Latencies;
  rowsPerSecond: number | null;
  processor: ProcessorTime;
  loopDelay: string;
  /** On the monotonic clock, microseconds. */
  between: { fromUs: number; toUs: number };
};

const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

/** Prints how each kind of request fared, and what stood in the way. */
export function printPhase(phase: Phase): void {
  const { latencies, seconds, processor, lateness } = phase;
  const kinds = latencies.kinds().sort();
  const row = ({ kind, requests, errors, p50, p95, p99, max }: KindSummary, label = kind) => [
    label,
    String(requests),
    (requests / seconds).toFixed(1),
    String(errors),
    ...[p50, p95, p99, max].map((value) => (Number.isNaN(value) ? '–' : ms(value))),
  ];
  console.log(`\n### ${phase.name}, ${seconds.toFixed(0)} s\n`);
  console.log(
    markdownTable(
      ['kind', 'requests', 'per second', 'errors', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'],
      [
        row(latencies.summarise('analyst'), '**analysts, all**'),
        row(latencies.summarise('reviewer'), '**reviewers, all**'),
        ...kinds.map((kind) => row(latencies.summarise(kind))),
      ],
    ),
  );
  const client = lateness.summarise('client');
  console.log(
    `\nThis client itself was late by ${ms(client.p50)} ms (p50), ${ms(client.p99)} (p99), ${ms(client.max)} at most; that is in every analyst's time above.`,
  );
  console.log(phase.loopDelay);
  if (phase.rowsPerSecond !== null)
    console.log(`Batches were scored at ${phase.rowsPerSecond.toFixed(0)} rows/s meanwhile.`);
  const each = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([part, took]) => `${part} ${(took / seconds).toFixed(2)}`)
      .join(', ');
  console.log(
    `Processors busy with: ${each(processor.took)} (this client), others ${(processor.others / seconds).toFixed(2)}.`,
  );
  if (Object.keys(processor.waited).length > 0)
    console.log(`Ready and waiting for a processor: ${each(processor.waited)}.`);
  for (const [error, count] of latencies.errors()) console.log(`${count} × ${error}`);
}

/** Prints where the process that answers spent a phase; it has ended. */
export function printProfile(folder: string, { name, between }: Phase): void {
  console.log(`\n### ${name}: \`saring serve\`, self time\n`);
  const top = topSelfTimes(join(folder, 'serve'), between).slice(0, functionsShown);
  console.log(
    markdownTable(
      ['function', 'share'],
      top.map((each) => [each.name, `${(each.share * 100).toFixed(1)} %`]),
    ),
  );
}
