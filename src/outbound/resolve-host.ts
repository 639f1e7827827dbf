import { Resolver } from 'node:dns/promises';
import { type AddressRules, isTranslated } from './address-rules.ts';

import { forbidden, RequestError } from './request-error.ts';

/** One address of a host. */
export type HostAddress = { address: string; family: number };

/** All addresses of a host; throws the errors of node:dns. */
export type HostResolver = (host: string) => Promise<HostAddress[]>;

/**
 * Asks a name server directly. The system's own look-up would hold one of four threads that all files are read with
 * for as long as a stranger's name server is silent; it would also know names that are nobody's business outside.
 */
export function createHostResolver(resolver = new Resolver({ timeout: 2_500, tries: 2 })): HostResolver {
  return async (host) => {
    // RFC 6761 section 6.3: these are never asked of a name server.
    if (/^(?:.+\.)?localhost$/.test(host))
      return [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ];
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = [
      ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
      ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
    ];
    if (found.length > 0) return found;
    const failures = [four, six].flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    // A host without IPv6 is usual; why there is no IPv4 address is what counts, unless that is simply not there.
    throw failures.find((failure) => !isAbsent(failure)) ?? failures[0];
  };
}

/**
 * The addresses that a host may be connected at. One forbidden address among them refuses the host: such answers come
 * from whoever wants to be let in by the other one.
 *
 * @throws RequestError address-forbidden, or host-unknown (passing unless the name servers say that it does not exist)
 */
export async function permittedAddresses(
  host: string,
  at: { protocol: string; port: number },
  rules: AddressRules,
  resolve: HostResolver,
): Promise<HostAddress[]> {
  let found: HostAddress[];
  try {
    found = await resolve(host);
  } catch (cause) {
    const reason = isAbsent(cause) ? `there is no host ${host}` : `the host ${host} cannot be looked up now`;
    throw new RequestError('host-unknown', reason, { passing: !isAbsent(cause), cause });
  }
  // Networks that translate add an address made from the IPv4 one, for every host; the original serves as well.
  const own = found.some(({ family }) => family === 4)
    ? found.filter(({ address }) => !isTranslated(address))
    : found;
  if (own.length === 0)
    throw new RequestError('host-unknown', `the host ${host} has no address`, { passing: false });
  const wrong = own.find(({ address }) => !rules.permits(address, at.protocol, at.port));
  if (wrong !== undefined) {
    const which = wrong.address === host ? host : `${wrong.address}, where the host ${host} is,`;
    throw forbidden(`${which} is no public address of the internet`);
  }
  return own;
}

const absent = ['ENOTFOUND', 'ENODATA', 'EBADNAME', 'ENONAME', 'EBADQUERY'];

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && absent.includes(String(error.code));
}
