import { z } from 'zod';
import type { Config } from '../config.ts';
import { Role } from '../domain/role.ts';
import { createApiKey, listApiKeys, revokeApiKey } from '../store/api-keys.ts';
import { openStore } from '../store/db.ts';
import { askService, type ServiceAddress } from './service-client.ts';

const Key = z.object({ name: z.string(), role: Role });
const NewKey = Key.extend({ secret: z.string() });
const KeyList = z.object({ keys: z.array(Key.extend({ revokedAt: z.string().nullable() })) });

/** API keys of the configured store, or of a running service. */
export type KeyOffice = {
  create(name: string, role: Role): Promise<z.infer<typeof NewKey>>;
  list(): Promise<z.infer<typeof KeyList>['keys']>;
  revoke(name: string): Promise<void>;
};

/** Asks the service where one is named; else opens the store, which refuses while a service holds it. */
export function openKeyOffice(config: Config, service: ServiceAddress | null): KeyOffice {
  if (service !== null) {
    return {
      create: (name, role) =>
        askService(service, { method: 'POST', path: '/v1/keys', body: { name, role } }, NewKey),
      list: async () => (await askService(service, { method: 'GET', path: '/v1/keys' }, KeyList)).keys,
      revoke: async (name) => {
        await askService(
          service,
          { method: 'DELETE', path: `/v1/keys/${encodeURIComponent(name)}` },
          z.null(),
        );
      },
    };
  }
  async function withStore<T>(
    work: (db: Awaited<ReturnType<typeof openStore>>['db']) => Promise<T>,
  ): Promise<T> {
    const store = await openStore(config.store);
    try {
      return await work(store.db);
    } finally {
      await store.close();
    }
  }
  return {
    create: (name, role) => withStore((db) => createApiKey(db, { name, role })),
    list: () =>
      withStore(async (db) =>
        (await listApiKeys(db)).map(({ name, role, revokedAt }) => ({
          name,
          role,
          revokedAt: revokedAt?.toISOString() ?? null,
        })),
      ),
    revoke: (name) => withStore((db) => revokeApiKey(db, name)),
  };
}
