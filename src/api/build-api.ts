import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { jsonSchemaTransform, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { AppError } from '../domain/app-error.ts';
import type { Services } from '../services.ts';
import { authenticate } from './authenticate.ts';
import { answerProblems } from './problems.ts';
import { backupRoutes } from './routes/backups.ts';
import { batchRoutes } from './routes/batches.ts';
import { captureRoutes } from './routes/captures.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { keyRoutes } from './routes/keys.ts';
import { listingRoutes } from './routes/listings.ts';
import { modelRoutes } from './routes/models.ts';
import { operationRoutes } from './routes/operations.ts';
import { reviewRoutes } from './routes/reviews.ts';
import { scoreRoutes } from './routes/score.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { validateWithZod } from './validate.ts';

const description: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'saring',
    version: '1',
    description: 'Scores listings for offers of imported second-hand clothing and queues flags for review.',
  },
  components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
  security: [{ apiKey: [] }],
};

const requestIdForm = /^[\w.-]{1,64}$/;

/** What OWASP's REST security cheat sheet asks of answers that are data and never pages. */
const dataHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
/** Swagger UI draws one icon from a data URL; nothing else comes from outside. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route takes a body packed by gzip, and bounds what it unpacks to. */
    gzip?: boolean;
  }
}

/** Where a process that listens stands between start and end. */
export type ApiLife = { isEnding(): boolean; isClosing(): boolean };

function refusePacked({ headers, routeOptions }: FastifyRequest): void {
  const encoding = headers['content-encoding']?.toLowerCase();
  if (encoding === undefined || encoding === 'identity') return;
  const { gzip = false } = routeOptions.config;
  if (gzip && encoding === 'gzip') return;
  const [detail, message] = gzip
    ? ['send the body as it is or packed by gzip', 'must be gzip or absent']
    : ['send the body uncompressed, without Content-Encoding', 'must be absent; send the body uncompressed'];
  throw new AppError('BODY_COMPRESSED', 415, detail, { issues: [{ field: 'Content-Encoding', message }] });
}

/**
 * Builds the whole HTTP API over running services, without listening: tests inject requests, `main.ts` listens.
 *
 * @param life.isEnding whether readiness tells that no more should be sent here
 * @param life.isClosing whether each answer is the last on its connection
 */
export async function buildApi(
  services: Services,
  life: ApiLife = { isEnding: () => false, isClosing: () => false },
): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = services.log;
  const api = Fastify({
    loggerInstance,
    // One line per request is written below, without its text.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: services.config.http.bodyLimitBytes,
    // A request that comes while the service closes is answered like any other.
    return503OnClosing: false,
    genReqId: (request) => {
      const sent = request.headers['x-request-id'];
      return typeof sent === 'string' && requestIdForm.test(sent) ? sent : randomUUID();
    },
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<ZodTypeProvider>();

  api.setValidatorCompiler(validateWithZod);
  // Answers are typed against their schemas at compile time, and tests hold them to it; here they are only written.
  api.setSerializerCompiler(() => JSON.stringify);
  answerProblems(api);

  api.addHook('onRequest', async (request, reply) => {
    reply.headers(dataHeaders).header('x-request-id', request.id);
    if (life.isClosing()) reply.header('connection', 'close');
    refusePacked(request);
  });
  api.addHook('onResponse', async (request, reply) => {
    const { url: route = 'unknown' } = request.routeOptions;
    const { method } = request;
    const status = reply.statusCode;
    services.metrics.countRequest({ method, route, status }, reply.elapsedTime / 1000);
    request.log.info(
      { method, route, status, ms: Math.round(reply.elapsedTime * 10) / 10, key: request.apiKey?.name },
      'request',
    );
  });

  await api.register(swagger, { openapi: description, transform: jsonSchemaTransform });
  await api.register(async (pages) => {
    // For pages alone: it builds its twelve headers anew for each answer, a tenth of the time of a score.
    await pages.register(helmet, { contentSecurityPolicy: false });
    await pages.register(swaggerUi, { routePrefix: '/docs', staticCSP: pagePolicy });
  });
  api.get('/openapi.json', { schema: { hide: true } }, async () => api.swagger());
  await api.register(operationRoutes(services, life.isEnding));
  await api.register(async (guarded) => {
    authenticate(guarded, services.store.db);
    await guarded.register(scoreRoutes(services));
    await guarded.register(listingRoutes(services));
    await guarded.register(captureRoutes(services));
    await guarded.register(reviewRoutes(services));
    await guarded.register(batchRoutes(services));
    await guarded.register(deadLetterRoutes(services));
    await guarded.register(webhookRoutes(services));
    await guarded.register(modelRoutes(services));
    await guarded.register(keyRoutes(services));
    await guarded.register(backupRoutes(services));
  });
  return api;
}
