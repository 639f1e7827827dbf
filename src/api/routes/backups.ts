import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import type { Services } from '../../services.ts';
import { Problem } from '../problems.ts';

/** Backups of an embedded store, for admins: only the process that holds its folder can copy it. */
export function backupRoutes({ store }: Services): FastifyPluginAsyncZod {
  return async (api) => {
    api.post(
      '/v1/backups',
      {
        config: { roles: [] },
        schema: {
          summary: 'Make a backup of the embedded database now, and download it',
          description:
            'A whole copy as of this moment, without frozen pictures, for "saring restore". A database on a server is backed up with its own tools.',
          tags: ['operations'],
          response: { 200: z.any().describe('the backup, a packed archive'), 409: Problem },
        },
      },
      async (_request, reply) => {
        const file = await store.snapshot();
        if (file === null)
          throw new AppError(
            'BACKUP_ELSEWHERE',
            409,
            'this service keeps its data in PostgreSQL; back that up with pg_dump',
          );
        const { size } = await stat(file);
        return reply.type('application/gzip').header('content-length', size).send(createReadStream(file));
      },
    );
  };
}
