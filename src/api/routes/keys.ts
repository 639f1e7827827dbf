import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Role } from '../../domain/role.ts';
import type { Services } from '../../services.ts';
import { createApiKey, listApiKeys, revokeApiKey } from '../../store/api-keys.ts';
import { Problem } from '../problems.ts';

const KeyName = z
  .string()
  .trim()
  .regex(/^[\p{L}\p{N} ._@-]{1,100}$/u, 'must be 1 to 100 letters, digits, spaces or any of . _ @ -');

/** API keys, for admins: a service that holds its embedded store alone can only be asked over HTTP. */
export function keyRoutes({ store: { db } }: Services): FastifyPluginAsyncZod {
  const config = { roles: [] };
  const tags = ['keys'];
  return async (api) => {
    api.post(
      '/v1/keys',
      {
        config,
        schema: {
          summary: 'Create an API key; its secret is shown this once',
          tags,
          body: z.strictObject({ name: KeyName, role: Role }),
          response: {
            201: z.object({ id: z.uuid(), name: z.string(), role: Role, secret: z.string() }),
            409: Problem,
          },
        },
      },
      async (request, reply) => reply.code(201).send(await createApiKey(db, request.body)),
    );

    api.get(
      '/v1/keys',
      {
        config,
        schema: {
          summary: 'All keys, without their secrets',
          tags,
          response: {
            200: z.object({
              keys: z.array(
                z.object({
                  id: z.uuid(),
                  name: z.string(),
                  role: Role,
                  createdAt: z.iso.datetime(),
                  revokedAt: z.iso.datetime().nullable(),
                }),
              ),
            }),
          },
        },
      },
      async () => ({
        keys: (await listApiKeys(db)).map(({ createdAt, revokedAt, ...key }) => ({
          ...key,
          createdAt: createdAt.toISOString(),
          revokedAt: revokedAt?.toISOString() ?? null,
        })),
      }),
    );

    api.delete(
      '/v1/keys/:name',
      {
        config,
        schema: {
          summary: 'Revoke a key',
          tags,
          params: z.object({ name: KeyName }),
          response: { 204: z.null(), 404: Problem },
        },
      },
      async (request, reply) => {
        await revokeApiKey(db, request.params.name);
        return reply.code(204).send(null);
      },
    );
  };
}
