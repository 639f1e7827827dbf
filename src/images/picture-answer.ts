import type { Dispatcher } from 'undici';
import { retryAfterMsOf } from '../outbound/retry-after.ts';
import { PictureError } from './picture-error.ts';

type AnswerHeaders = Dispatcher.ResponseData['headers'];

const redirects = [301, 302, 303, 307, 308];

/** The headers that are kept with a picture, as evidence of where and when it was had. */
const keptHeaders = [
  'content-type',
  'content-length',
  'last-modified',
  'etag',
  'date',
  'server',
  'cache-control',
] as const;

/**
 * Where an answer sends on to, as it is written there; null for an answer whose body is to be read.
 *
 * @throws PictureError refused, server-failed, not-a-picture, or too-large where the server itself says so
 */
export function locationOrNull(status: number, headers: AnswerHeaders, maxBytes: number): string | null {
  if (redirects.includes(status)) {
    const location = single(headers.location);
    if (location === null) throw noPicture(`the server answered ${status} without saying where to go`);
    return location;
  }
  if (status !== 200) throw problemOfStatus(status, headers);
  const encoding = single(headers['content-encoding'])?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity')
    throw new PictureError(
      'server-failed',
      `the server packed the picture (${encoding}) though asked not to`,
      {
        passing: false,
      },
    );
  if (Number(single(headers['content-length']) ?? 0) > maxBytes) throw tooLarge(maxBytes);
  return null;
}

/** The kept headers that the server sent. */
export function selectHeaders(headers: AnswerHeaders): Record<string, string> {
  return Object.fromEntries(
    keptHeaders.flatMap((name) => {
      const value = single(headers[name]);
      return value === null ? [] : [[name, value]];
    }),
  );
}

/** The error for a body that is longer than is taken. */
export function tooLarge(maxBytes: number): PictureError {
  return new PictureError('too-large', `the file is larger than ${maxBytes} bytes`, { passing: false });
}

function problemOfStatus(status: number, headers: AnswerHeaders): PictureError {
  const retryAfterMs = retryAfterMsOf(single(headers['retry-after']));
  if (status === 408 || status === 425 || status === 429)
    return new PictureError('refused', `the server asks to come again later (${status})`, {
      passing: true,
      retryAfterMs,
    });
  if (status >= 400 && status < 500)
    return new PictureError('refused', `the server does not give the picture (${status})`, {
      passing: false,
    });
  if (status >= 500) {
    // 501 and 505 say that it cannot, all others that something went wrong.
    const passing = status !== 501 && status !== 505;
    return new PictureError('server-failed', `the server failed (${status})`, { passing, retryAfterMs });
  }
  return noPicture(`the server answered ${status}, which carries no picture`);
}

function noPicture(message: string): PictureError {
  return new PictureError('not-a-picture', message, { passing: false });
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
