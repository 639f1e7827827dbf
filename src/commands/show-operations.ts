import { buildOperations } from '../api/build-operations.ts';
import type { Services } from '../services.ts';
import { closeGently } from './close-gently.ts';

/** Health and metrics on a port of their own. */
export type OperationsPage = { close(): Promise<void> };

/** A page is short, so whoever asks when it closes need not be waited for long, milliseconds. */
const graceMs = 2_000;

/**
 * Shows health and metrics where METRICS_HOST and METRICS_PORT say; nowhere, where they say nothing.
 *
 * @param isEnding whether readiness tells that the process is about to end
 */
export async function showOperations(services: Services, isEnding: () => boolean): Promise<OperationsPage> {
  const { operations } = services.config;
  if (operations === null) return { close: async () => undefined };
  const api = await buildOperations(services, isEnding);
  const metrics = await api.listen({ ...operations, listenTextResolver: () => 'listening' });
  services.log.info({ metrics }, 'health and metrics shown');
  return { close: () => closeGently(api, graceMs) };
}
