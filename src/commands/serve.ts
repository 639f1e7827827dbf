import { pino } from 'pino';
import { buildApi } from '../api/build-api.ts';
import type { Config } from '../config.ts';
import { createServices, type Services } from '../services.ts';
import { createApiKey, listApiKeys } from '../store/api-keys.ts';

/** A service that answers requests. */
export type RunningService = {
  services: Services;
  /** Where it answers, such as `http://127.0.0.1:8080`. */
  address: string;
  /** The admin key made on the very first start of an embedded store; null ever after. */
  firstKey: string | null;
  /** Takes no new request, finishes those under way and the work in hand, and frees everything. */
  close(): Promise<void>;
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
  try {
    const firstKey = await firstAdminKey(services);
    if (config.redisUrl === null) await services.startWork();
    await prepare?.(services);
    const api = await buildApi(services);
    const address = await api.listen({
      host: config.http.host,
      port: config.http.port,
      listenTextResolver: () => 'listening',
    });
    return {
      services,
      address,
      firstKey,
      async close() {
        await api.close();
        await services.close();
      },
    };
  } catch (error) {
    await services.close();
    throw error;
  }
}

/** With a server, keys are made by hand (`saring keys create`), since several processes may start at once. */
async function firstAdminKey({ store }: Services): Promise<string | null> {
  if (store.engine !== 'embedded' || (await listApiKeys(store.db)).length > 0) return null;
  return (await createApiKey(store.db, { name: 'first admin', role: 'admin' })).secret;
}
