import { z } from 'zod';
import { askService, type ServiceAddress } from './service-client.ts';
import { formatTable, oneLine } from './table.ts';

const DeadLetter = z.object({
  workId: z.string(),
  lane: z.string(),
  batchId: z.string().nullable(),
  rows: z.array(z.number()),
  attempts: z.number(),
  error: z.string(),
  failedAt: z.string(),
});
type DeadLetter = z.infer<typeof DeadLetter>;

/** Work that a running service gave up, the newest first. */
export async function listDeadLetters(
  service: ServiceAddress,
  { lane, limit }: { lane: string | null; limit: number },
): Promise<DeadLetter[]> {
  const query = new URLSearchParams({ limit: String(limit), ...(lane === null ? {} : { lane }) });
  const Answer = z.object({ deadLetters: z.array(DeadLetter) });
  return (await askService(service, { method: 'GET', path: `/v1/dead-letters?${query}` }, Answer))
    .deadLetters;
}

/**
 * Has a running service try work again.
 *
 * @param choice without ids and lane, all of it
 * @returns how many pieces wait again
 */
export async function retryDeadLetters(
  service: ServiceAddress,
  choice: { workIds: readonly string[]; lane: string | null },
): Promise<number> {
  const body = {
    ...(choice.workIds.length === 0 ? {} : { workIds: choice.workIds }),
    ...(choice.lane === null ? {} : { lane: choice.lane }),
  };
  const request = { method: 'POST' as const, path: '/v1/dead-letters/retry', body };
  return (await askService(service, request, z.object({ retried: z.number() }))).retried;
}

/** Dead letters as a table for a terminal. */
export function formatDeadLetters(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'No work was given up.';
  const rows = letters.map(({ workId, lane, batchId, rows, attempts, error, failedAt }) => [
    workId,
    lane,
    failedAt,
    String(attempts),
    batchId === null ? '–' : `${batchId} row ${rows.slice(0, 3).join(', ')}${rows.length > 3 ? ' …' : ''}`,
    oneLine(error, 80),
  ]);
  return formatTable(['work', 'lane', 'given up', 'tries', 'batch', 'why'], rows);
}
