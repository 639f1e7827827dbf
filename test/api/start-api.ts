import { mkdtempSync, openAsBlob, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { inject } from 'vitest';
import { buildApi } from '../../src/api/build-api.ts';
import { readConfig } from '../../src/config.ts';
import type { Role } from '../../src/domain/role.ts';
import { createServices, type Services } from '../../src/services.ts';
import { createApiKey } from '../../src/store/api-keys.ts';
import { openStore } from '../../src/store/db.ts';
import { freshDatabase } from '../servers/postgres.ts';

/** The whole API over real services, without a port. */
export type TestApi = {
  api: FastifyInstance;
  services: Services;
  secrets: Record<Role, string>;
  /** Everything that was logged, as JSON lines. */
  logged(): string;
  /** Sends JSON as someone with this role; null sends no key. */
  ask(
    role: Role | null,
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
};

/** Starts services with these environment variables and builds the API over them. */
export async function startApi(environment: Record<string, string>): Promise<TestApi> {
  const captures = mkdtempSync(join(tmpdir(), 'saring-captures-'));
  const config = readConfig({ CAPTURES_FOLDER: captures, PICTURES_PER_SECOND: '100', ...environment });
  if (config.store.engine === 'embedded') {
    // Begun from the run's image, since making a new database takes seconds.
    await (await openStore({ ...config.store, image: await openAsBlob(inject('embeddedImage')) })).close();
  }
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const services = await createServices(config, log);
  await services.startWork();
  const api = await buildApi(services);
  const make = async (role: Role) =>
    (await createApiKey(services.store.db, { name: `test ${role}`, role })).secret;
  const secrets = {
    analyst: await make('analyst'),
    batch: await make('batch'),
    reviewer: await make('reviewer'),
    admin: await make('admin'),
  };
  return {
    api,
    services,
    secrets,
    logged: () => lines.join(''),
    ask(role, method, url, body, headers = {}) {
      const options: InjectOptions = {
        method,
        url,
        headers: { ...(role === null ? {} : { authorization: `Bearer ${secrets[role]}` }), ...headers },
      };
      if (body !== undefined) options.payload = body as NonNullable<InjectOptions['payload']>; // tests send wrong bodies on purpose
      return api.inject(options);
    },
    async close() {
      await api.close();
      await services.close();
      rmSync(captures, { recursive: true, force: true });
    },
  };
}

/** A test API with what its own store took, to be removed after it is closed. */
export type StartedApi = { api: TestApi; remove(): Promise<void> };

/** The API over an embedded store of its own. */
export async function startEmbedded(environment: Record<string, string> = {}): Promise<StartedApi> {
  const folder = mkdtempSync(join(tmpdir(), 'saring-api-'));
  const api = await startApi({ SARING_DATA: folder, ...environment });
  return { api, remove: async () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * The API over a PostgreSQL database of its own and Redis.
 *
 * @param redisNumber which of Redis' databases; two files that run together must not share one
 */
export async function startDistributed(
  redisNumber: number,
  environment: Record<string, string> = {},
): Promise<StartedApi> {
  const database = await freshDatabase(inject('databaseUrl'));
  const redis = new URL(inject('redisUrl'));
  redis.pathname = `/${redisNumber}`;
  const api = await startApi({ DATABASE_URL: database.url, REDIS_URL: redis.href, ...environment });
  return { api, remove: () => database.drop() };
}
