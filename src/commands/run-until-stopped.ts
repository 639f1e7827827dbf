import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

/** What is closed; after an error it should not go on serving for a while first. */
type Closable = { close(options: { drain: boolean }): Promise<void> };

/**
 * Keeps the process until SIGTERM or SIGINT (or an error nobody caught), then closes. A second signal, or a close
 * that takes longer than `graceMs`, ends it at once.
 *
 * @returns the exit code
 */
export function runUntilStopped(closable: Closable, graceMs: number, log: Logger): Promise<number> {
  return new Promise((resolve) => {
    closeWithGrace({ delay: graceMs, logger: log }, async ({ err, signal }) => {
      if (err !== undefined) log.fatal({ err }, 'stopped by an error');
      else log.info({ signal }, 'stopping');
      await closable.close({ drain: err === undefined });
      log.info('stopped');
      resolve(err === undefined ? 0 : 1);
    });
  });
}
