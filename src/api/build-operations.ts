import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { answerProblems } from './problems.ts';
import { type Operated, operationRoutes } from './routes/operations.ts';
import { validateWithZod } from './validate.ts';

/**
 * Builds health and metrics alone, for a process that serves nothing else, without listening.
 *
 * @param isEnding whether readiness tells that the process is about to end
 */
export async function buildOperations(services: Operated, isEnding: () => boolean): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = services.log;
  const api = Fastify({ loggerInstance, logController: new LogController({ disableRequestLogging: true }) });
  api.setValidatorCompiler(validateWithZod);
  api.setSerializerCompiler(() => JSON.stringify);
  answerProblems(api);
  await api.register(operationRoutes(services, isEnding));
  return api;
}
