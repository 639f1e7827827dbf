import { isIP, type LookupFunction } from 'node:net';
import { buildConnector, Client } from 'undici';
import { type AddressRules, portOf } from './address-rules.ts';
import { networkProblem } from './network-problem.ts';
import { forbidden } from './request-error.ts';
import { type HostAddress, type HostResolver, permittedAddresses } from './resolve-host.ts';

/** What bounds a request, and whom it may reach. */
export type RequestBounds = {
  rules: AddressRules;
  resolve: HostResolver;
  /** Longest silence while connecting, waiting for headers, and between pieces of the body, milliseconds. */
  idleMs: number;
};

/**
 * Lends a connection to the server of an address, at an address of the host that was checked and is held to: whatever
 * the name servers say a moment later, the connection goes to what was checked. Each request has a connection of its
 * own, so none outlives its check or serves another host. Nothing of the environment (proxies, cookies, session
 * tickets) has a part in it, and no redirect is followed.
 *
 * @throws RequestError, what `ask` throws, or the signal's reason
 */
export async function withConnection<T>(
  url: URL,
  bounds: RequestBounds,
  signal: AbortSignal,
  ask: (client: Client) => Promise<T>,
): Promise<T> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const at = { protocol: url.protocol, port: portOf(url) };
  const addresses = await beforeAbort(
    permittedAddresses(host, at, bounds.rules, async (name) =>
      isIP(name) === 0 ? bounds.resolve(name) : [{ address: name, family: isIP(name) }],
    ),
    signal,
  );
  const client = new Client(url.origin, {
    connect: connectTo(addresses, at, bounds),
    allowH2: false,
    pipelining: 0,
    maxHeaderSize: 16_384,
    headersTimeout: bounds.idleMs,
    bodyTimeout: bounds.idleMs,
  });
  try {
    return await ask(client);
  } catch (error) {
    signal.throwIfAborted();
    throw networkProblem(error, host) ?? error;
  } finally {
    await client.destroy();
  }
}

function connectTo(
  addresses: readonly HostAddress[],
  { protocol, port }: { protocol: string; port: number },
  { rules, idleMs }: RequestBounds,
): buildConnector.connector {
  // The only addresses there are for whatever connects, several being tried as RFC 8305 says.
  const lookup: LookupFunction = (_host, options, callback) => {
    const [first] = addresses;
    if (options.all) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
  const connect = buildConnector({
    lookup,
    timeout: idleMs,
    allowH2: false,
    maxCachedSessions: 0,
    // Said aloud, since an environment variable can turn it off.
    rejectUnauthorized: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1_000,
  });
  return (options, callback) =>
    connect(options, (error, socket) => {
      // Where it fails, the library leaves the socket out altogether.
      if (error !== null) return callback(error, null);
      const { remoteAddress } = socket;
      if (remoteAddress !== undefined && rules.permits(remoteAddress, protocol, port))
        return callback(null, socket);
      socket.destroy();
      callback(forbidden(`the connection went to ${remoteAddress ?? 'nowhere'}`), null);
    });
}

/** Lets go of a look-up, which cannot be stopped, when the signal comes. */
async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
