import { z } from 'zod';
import { AppError } from '../domain/app-error.ts';

/** A running service to talk to, as `--url` and `--key` (or SARING_URL and SARING_KEY) name it. */
export type ServiceAddress = { url: string; key: string };

const Refusal = z.object({ detail: z.string() });

/**
 * Asks a running service.
 *
 * @param schema what the answer must look like
 * @throws AppError SERVICE_UNREACHABLE, or SERVICE_REFUSED with the service's own words
 */
export async function askService<T>(
  service: ServiceAddress,
  request: { method: 'GET' | 'POST' | 'DELETE'; path: string; body?: object },
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await callService(service, request.path, {
    method: request.method,
    ...(request.body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(request.body) }),
  });
  const text = await answer.text();
  return schema.parse(text === '' ? null : parseJson(text));
}

/**
 * Sends a request to a running service, whose answer may be long and is to be read by the caller.
 *
 * @throws AppError SERVICE_UNREACHABLE, or SERVICE_REFUSED with the service's own words
 */
export async function callService(
  service: ServiceAddress,
  path: string,
  init: RequestInit,
): Promise<Response> {
  const headers = { authorization: `Bearer ${service.key}`, ...init.headers };
  const answer = await fetch(new URL(path, service.url), { ...init, headers }).catch((cause: unknown) => {
    throw new AppError(
      'SERVICE_UNREACHABLE',
      503,
      `${service.url} does not answer; is saring serve running there?`,
      { cause },
    );
  });
  if (!answer.ok) {
    const refusal = Refusal.safeParse(parseJson(await answer.text()));
    throw new AppError(
      'SERVICE_REFUSED',
      422,
      `${service.url} answered ${answer.status}: ${refusal.success ? refusal.data.detail : 'no detail'}`,
    );
  }
  return answer;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
