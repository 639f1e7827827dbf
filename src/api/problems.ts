import { STATUS_CODES } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError, type FieldIssue } from '../domain/app-error.ts';

/** An error as RFC 9457 wants it, with our machine name, the fields at fault and the request's id. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })),
});
export type Problem = z.infer<typeof Problem>;

/** What Fastify's own refusals mean to a caller, by its error code. */
const ownWords: Record<string, { code: string; detail: string; issue?: FieldIssue }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'BODY_TOO_LARGE',
    detail: 'the body is larger than this service takes; send less at a time, or a batch',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'CONTENT_TYPE_UNKNOWN',
    detail: 'this content type is not taken here; send application/json',
    issue: { field: 'Content-Type', message: 'must be application/json' },
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'BODY_EMPTY', detail: 'the body is empty; send a JSON object' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'JSON_INVALID', detail: 'the body is not valid JSON' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'BODY_CUT',
    detail: 'the body is shorter or longer than Content-Length says',
  },
};

type Fault = {
  status: number;
  code: string;
  detail: string;
  errors: readonly FieldIssue[];
  retryAfterSeconds?: number | null;
};

function describe(error: unknown): Fault {
  if (error instanceof AppError && error.status < 500) {
    return { status: error.status, code: error.code, detail: error.message, errors: error.issues };
  }
  if (error instanceof AppError && error.status === 503) {
    return {
      status: 503,
      code: error.code,
      // What is meant for the caller says when to come again; what else went wrong here is not theirs to read.
      detail:
        error.retryAfterSeconds === null
          ? 'the service cannot do this right now; try again in a moment'
          : error.message,
      errors: [],
      retryAfterSeconds: error.retryAfterSeconds,
    };
  }
  if (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  ) {
    const words = 'code' in error ? ownWords[String(error.code)] : undefined;
    return {
      status: error.statusCode,
      code: words?.code ?? 'REQUEST_INVALID',
      detail: words?.detail ?? error.message,
      errors: words?.issue === undefined ? [] : [words.issue],
    };
  }
  // JSON.parse of the body throws these without a status: SyntaxError for bad text, RangeError for endless nesting.
  if (error instanceof SyntaxError || error instanceof RangeError) {
    return { status: 400, code: 'JSON_INVALID', detail: 'the body is not valid JSON', errors: [] };
  }
  return {
    status: 500,
    code: 'INTERNAL',
    detail: 'something went wrong here; tell us the requestId',
    errors: [],
  };
}

function sendProblem(reply: FastifyReply, requestId: string, fault: Fault): FastifyReply {
  const problem: Problem = {
    type: `urn:saring:problem:${fault.code.toLowerCase().replaceAll('_', '-')}`,
    title: STATUS_CODES[fault.status] ?? 'Error',
    status: fault.status,
    detail: fault.detail,
    code: fault.code,
    requestId,
    errors: [...fault.errors],
  };
  if (typeof fault.retryAfterSeconds === 'number') reply.header('retry-after', fault.retryAfterSeconds);
  return reply.code(fault.status).type('application/problem+json').serializer(JSON.stringify).send(problem);
}

/** Answers every error and every unknown address as RFC 9457 problem details; a fault of ours never leaks detail. */
export function answerProblems(api: FastifyInstance): void {
  api.setErrorHandler((error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const fault = describe(error);
    if (fault.status >= 500) request.log.error({ err: error }, 'request failed');
    return sendProblem(reply, request.id, fault);
  });
  api.setNotFoundHandler((request, reply) =>
    sendProblem(reply, request.id, {
      status: 404,
      code: 'ADDRESS_UNKNOWN',
      detail: `there is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}; see /openapi.json`,
      errors: [],
    }),
  );
}
