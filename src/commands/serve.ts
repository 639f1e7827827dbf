import { setTimeout } from 'node:timers/promises';
import type { FastifyInstance, FastifyListenOptions } from 'fastify';
import { pino } from 'pino';
import { buildApi } from '../api/build-api.ts';
import type { Config } from '../config.ts';
import { createServices, type Services } from '../services.ts';
import { createApiKey, listApiKeys } from '../store/api-keys.ts';
import { closeGently } from './close-gently.ts';
import { inheritedSocket } from './inherited-socket.ts';
import { type OperationsPage, showOperations } from './show-operations.ts';

/** A service that answers requests. */
export type RunningService = {
  services: Services;
  /** Where it answers, such as `http://127.0.0.1:8080`. */
  address: string;
  /** The admin key made on the very first start of an embedded store; null ever after. */
  firstKey: string | null;
  /**
   * Tells readiness that it ends and, to drain, serves on for DRAIN_SECONDS; then takes no new connection, finishes the requests under
   * way and the work in hand, and frees everything.
   */
  close(options: { drain: boolean }): Promise<void>;
};

/** What a log tells of an error: not the fields that libraries hang on it, which may hold a listing or a secret. */
function plainError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: plainError(error.cause) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}

/**
 * The log of a process: JSON lines on standard output. Keys and listing text are never handed to it; masking them
 * here again would cost a twentieth of every request.
 */
export function createLog(config: Config) {
  return pino({ level: config.logLevel, serializers: { err: plainError } });
}

/**
 * Starts the service: migrates, listens, and works the queue in this process unless Redis hands it to workers.
 *
 * @param prepare runs before the first request is let in
 */
export async function startService(
  config: Config,
  log: Services['log'],
  prepare?: (services: Services) => Promise<void>,
): Promise<RunningService> {
  const services = await createServices(config, log);
  let ending = false;
  let closing = false;
  let operations: OperationsPage | null = null;
  try {
    const firstKey = await firstAdminKey(services);
    if (config.redisUrl === null) await services.startWork();
    await prepare?.(services);
    const api = await buildApi(services, { isEnding: () => ending, isClosing: () => closing });
    operations = await showOperations(services, () => ending);
    const address = await listen(api, config);
    return {
      services,
      address,
      firstKey,
      async close({ drain }) {
        ending = true;
        if (drain) await setTimeout(config.drainMs);
        closing = true;
        await closeGently(api, config.shutdownMs);
        await services.close();
        await operations?.close();
      },
    };
  } catch (error) {
    await operations?.close();
    await services.close();
    throw error;
  }
}

/** Listens on the socket that was handed over, or else where HOST and PORT say; resolves to the address. */
async function listen(api: FastifyInstance, { http: { host, port } }: Config): Promise<string> {
  const fd = inheritedSocket(process.env);
  const where: FastifyListenOptions & { fd?: number } = fd === null ? { host, port } : { host, fd };
  return await api.listen({ ...where, listenTextResolver: () => 'listening' });
}

/** With a server, keys are made by hand (`saring keys create`), since several processes may start at once. */
async function firstAdminKey({ store }: Services): Promise<string | null> {
  if (store.engine !== 'embedded' || (await listApiKeys(store.db)).length > 0) return null;
  return (await createApiKey(store.db, { name: 'first admin', role: 'admin' })).secret;
}
