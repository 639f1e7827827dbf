import { z } from 'zod';
import type { WebhookSender } from './outbound/send-webhook.ts';
import { NotBeforeError, type WorkHandler } from './queue/runner.ts';
import { type Db, inTransaction } from './store/db.ts';
import { addAttempt, findMessage } from './store/webhooks.ts';
import { finishWork } from './store/work.ts';

const WebhookWork = z.object({ deliveryId: z.uuid() });

const firstWaitMs = 5_000;
const waitGrowth = 4;
const longestWaitMs = 6 * 3_600_000;

/** Waiting time after so many tries without success: 5 s, 20 s, 80 s, and so on up to six hours. */
function delayMs(triesMade: number): number {
  return Math.min(firstWaitMs * waitGrowth ** (triesMade - 1), longestWaitMs);
}

/**
 * Does `webhook` work: sends a message and writes down what came of it. What may pass is tried again, as late as the
 * receiver asks and no later than there are tries; a message may come twice, as the same id tells, but never not at all
 * while its receiver can be reached.
 */
export function webhookHandler({ db, sender }: { db: Db; sender: WebhookSender }): WorkHandler {
  return async (work, signal) => {
    const { deliveryId } = WebhookWork.parse(work.payload);
    const message = await findMessage(db, deliveryId);
    if (message === null || message.state !== 'waiting') {
      await finishWork(db, work.id);
      return;
    }
    const begunAt = new Date();
    const outcome = await sender.send(message, signal).catch((error: unknown) => {
      // A try that closing breaks off is none that counts.
      throw signal.aborted ? new NotBeforeError('saring is stopping', 0, { cause: error }) : error;
    });
    const { status, problem } = outcome;
    const durationMs = Math.max(0, Math.round(Date.now() - begunAt.getTime()));
    const again = problem !== null && !outcome.final && message.triesLeft > 1;
    const state = problem === null ? 'delivered' : again ? 'waiting' : 'failed';
    await inTransaction(db, async (trx) => {
      if (!again && !(await finishWork(trx, work.id))) return;
      await addAttempt(trx, deliveryId, { begunAt, durationMs, status, problem }, state);
    });
    if (again) {
      const waitMs = Math.max(delayMs(work.attempts), outcome.retryAfterMs ?? 0);
      throw new NotBeforeError(problem, waitMs, { cause: null });
    }
  };
}
