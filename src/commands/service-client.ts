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
  const address = new URL(request.path, service.url);
  const headers = {
    authorization: `Bearer ${service.key}`,
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const answer = await fetch(address, {
    method: request.method,
    headers,
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  }).catch((cause: unknown) => {
    throw new AppError(
      'SERVICE_UNREACHABLE',
      503,
      `${service.url} does not answer; is saring serve running there?`,
      { cause },
    );
  });
  const text = await answer.text();
  if (!answer.ok) {
    const refusal = Refusal.safeParse(parseJson(text));
    throw new AppError(
      'SERVICE_REFUSED',
      422,
      `${service.url} answered ${answer.status}: ${refusal.success ? refusal.data.detail : 'no detail'}`,
    );
  }
  return schema.parse(text === '' ? null : parseJson(text));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
