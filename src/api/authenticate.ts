import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { AppError } from '../domain/app-error.ts';
import type { Role } from '../domain/role.ts';
import { type ApiKey, findApiKey } from '../store/api-keys.ts';
import type { Db } from '../store/db.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Roles that may use the route; admin always may. A guarded route without it does not start. */
    roles?: readonly Role[];
  }
  interface FastifyRequest {
    /** Who asks; null outside the guarded routes. */
    apiKey: ApiKey | null;
  }
}

/** A revoked key still works this long in other processes than the one that revoked it. */
const rememberedMs = 10_000;
const rememberedKeys = 1_000;
const maxSecretLength = 200;

/** Guards every route of this scope: a request needs a known bearer key with a role that its route names. */
export function authenticate(api: FastifyInstance, db: Db): void {
  const known = new LRUCache<string, ApiKey>({ max: rememberedKeys, ttl: rememberedMs });

  api.decorateRequest('apiKey', null);

  api.addHook('onRoute', (route) => {
    if (route.config?.roles === undefined) throw new Error(`${route.url} does not say who may use it`);
  });

  api.addHook('onRequest', async (request) => {
    const { roles } = request.routeOptions.config;
    const secret = bearer(request);
    const apiKey = known.get(secret) ?? (await findApiKey(db, secret));
    if (apiKey === null) {
      throw new AppError(
        'KEY_INVALID',
        401,
        'this API key is unknown or revoked; ask an admin for one (saring keys create)',
      );
    }
    known.set(secret, apiKey, { noUpdateTTL: true });
    if (apiKey.role !== 'admin' && !roles?.includes(apiKey.role)) {
      throw new AppError(
        'ROLE_INSUFFICIENT',
        403,
        `this needs a key with the role ${roles?.join(' or ')}; yours is ${apiKey.role}`,
      );
    }
    request.apiKey = apiKey;
  });
}

function bearer(request: FastifyRequest): string {
  const header = request.headers.authorization ?? '';
  if (!header.startsWith('Bearer ') || header.length > maxSecretLength) {
    throw new AppError('KEY_MISSING', 401, 'send an API key as "Authorization: Bearer saring_…"');
  }
  return header.slice('Bearer '.length);
}

/** The key a request came with; only for guarded routes. */
export function requireKey(request: FastifyRequest): ApiKey {
  if (request.apiKey === null) throw new Error('a route outside the guard asked for the caller');
  return request.apiKey;
}
