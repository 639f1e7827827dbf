import { setTimeout } from 'node:timers/promises';

const lookEveryMs = 1_000;
/** So often a line is sent even when nothing changes, or something in between may close the silent connection. */
const linesAtLeastEveryMs = 15_000;

/** What events tell of. */
type Progress = { done: boolean; state: string };

/**
 * The progress of a batch as server-sent events (HTML Living Standard, section 9.2): a `progress` event at once and
 * whenever something has changed, and a last one, `end`, when the batch is done or cancelled.
 *
 * @param look how far the batch is, as the event's data
 * @param signal ends the events without a last one, so that the other side asks again
 */
export async function* batchEvents(
  look: () => Promise<Progress>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let told = '';
  let toldAt = 0;
  while (!signal.aborted) {
    const progress = await look();
    const data = JSON.stringify(progress);
    const ended = progress.done || progress.state === 'cancelled';
    if (ended) {
      yield `event: end\ndata: ${data}\n\n`;
      return;
    }
    if (data !== told || Date.now() - toldAt >= linesAtLeastEveryMs) {
      yield data === told ? ':\n\n' : `event: progress\ndata: ${data}\n\n`;
      told = data;
      toldAt = Date.now();
    }
    await setTimeout(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
