import { errors } from 'undici';
import { RequestError } from './request-error.ts';

/**
 * The plain reason behind an error of the network, TLS or HTTP; undefined for one that is none of these and so is a
 * fault of ours.
 */
export function networkProblem(error: unknown, host: string): RequestError | undefined {
  if (error instanceof RequestError) return error;
  const code = codeOf(error);
  const found = known.find(({ codes }) => codes.test(code));
  if (found === undefined) return undefined;
  const { problem, says, passing } = found;
  return new RequestError(problem, `${host} ${says}`, { passing, cause: error });
}

/** Stands for errors that say by their class alone that the answer is not HTTP. */
const notHttp = 'NOT_HTTP';

const known = [
  {
    codes: /^(?:ETIMEDOUT|UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT)$/,
    problem: 'timed-out',
    says: 'was silent for too long',
    passing: true,
  },
  {
    codes: /^(?:ECONNREFUSED|E(?:HOST|NET)(?:UNREACH|DOWN)|EADDRNOTAVAIL|EACCES|EPERM|EINVAL)$/,
    problem: 'unreachable',
    says: 'cannot be connected to',
    passing: true,
  },
  {
    codes: /^(?:ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/,
    problem: 'unreachable',
    says: 'broke the connection off',
    passing: true,
  },
  {
    codes: /^(?:NOT_HTTP|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/,
    problem: 'server-failed',
    says: 'answers something that is not HTTP as it should be',
    passing: false,
  },
  {
    // OpenSSL's names for what is wrong with a certificate have nothing else in common.
    codes: /^(?:ERR_TLS_|ERR_SSL_|EPROTO$)|CERT|SIGNATURE|ISSUER|INVALID_CA|PATH_LENGTH|CRL/,
    problem: 'unreachable',
    says: 'does not prove by its certificate who it is',
    passing: false,
  },
] as const;

function codeOf(error: unknown): string {
  // With several addresses the errors of all attempts come together in one.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (error instanceof errors.HTTPParserError) return notHttp;
  // Their code is that of a connection that was cut.
  if (error instanceof errors.SocketError && /^bad (?:response|upgrade)$/.test(error.message)) return notHttp;
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
