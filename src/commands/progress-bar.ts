import { Presets, SingleBar } from 'cli-progress';

/** Progress of long work, on standard error so that results can be piped. */
export type ProgressBar = {
  /**
   * @param detail what is being done, such as a count
   * @param total where it has changed
   */
  update(done: number, detail: string, total?: number): void;
  /** Prints lines above the bar. */
  line(text: string): void;
  stop(): void;
};

/**
 * A bar with percentage and time left on a terminal; elsewhere only its lines are printed.
 *
 * @param total what `done` will reach; null when nobody can know
 */
export function startProgressBar(label: string, total: number | null): ProgressBar {
  if (!process.stderr.isTTY) {
    return {
      update: () => undefined,
      line: (text) => void process.stderr.write(`${text}\n`),
      stop: () => undefined,
    };
  }
  const format =
    total === null
      ? `${label} {detail} {duration_formatted}`
      : `${label} {bar} {percentage}% {detail}, {eta_formatted} left`;
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, clearOnComplete: true, etaBuffer: 50, fps: 8 },
    Presets.shades_classic,
  );
  bar.start(total ?? 1, 0, { detail: '' });
  return {
    update(done, detail, newTotal) {
      if (newTotal !== undefined) bar.setTotal(newTotal);
      bar.update(total === null ? 0 : Math.min(done, newTotal ?? total), { detail });
    },
    line(text) {
      process.stderr.write(`\r\u001b[2K${text}\n`);
    },
    stop: () => bar.stop(),
  };
}
