import { isIP, type LookupFunction } from 'node:net';
import { buildConnector, Client } from 'undici';
import { type AddressRules, portOf } from './address-rules.ts';
import { networkProblem } from './network-problem.ts';
import { forbidden } from './picture-address.ts';
import { locationOrNull, selectHeaders, tooLarge } from './picture-answer.ts';
import { type HostAddress, type HostResolver, permittedAddresses } from './resolve-host.ts';

/** What one request came to: a file, or another address to ask (still as the server wrote it). */
export type PictureAnswer =
  | { location: string }
  | { location: null; status: number; headers: Record<string, string>; bytes: Uint8Array };

/** What bounds a request, and whom it may reach. */
export type RequestBounds = {
  rules: AddressRules;
  resolve: HostResolver;
  maxBytes: number;
  /** Longest silence while connecting, waiting for headers, and between pieces of the body, milliseconds. */
  idleMs: number;
  userAgent: string;
};

/**
 * Asks once, at an address of the host that was checked and is held to: whatever the name servers say a moment later,
 * the connection goes to what was checked. Each request has a connection of its own, so none outlives its check or
 * serves another host. Nothing of the environment (proxies, cookies, session tickets) has a part in it.
 *
 * @throws PictureError, or the signal's reason
 */
export async function requestPicture(
  url: URL,
  bounds: RequestBounds,
  signal: AbortSignal,
): Promise<PictureAnswer> {
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
    return await ask(client, url, bounds, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw networkProblem(error, host) ?? error;
  } finally {
    await client.destroy();
  }
}

async function ask(
  client: Client,
  url: URL,
  bounds: RequestBounds,
  signal: AbortSignal,
): Promise<PictureAnswer> {
  const { statusCode, headers, body } = await client.request({
    method: 'GET',
    path: url.pathname + url.search,
    headers: {
      'user-agent': bounds.userAgent,
      accept: 'image/avif,image/webp,image/jpeg,image/png,image/gif',
      'accept-encoding': 'identity',
    },
    signal,
  });
  // A body that is not read to its end still reports that its connection was closed.
  body.on('error', () => {});
  const location = locationOrNull(statusCode, headers, bounds.maxBytes);
  if (location !== null) return { location };
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    size += piece.byteLength;
    if (size > bounds.maxBytes) throw tooLarge(bounds.maxBytes);
    pieces.push(piece);
  }
  return {
    location: null,
    status: statusCode,
    headers: selectHeaders(headers),
    bytes: Buffer.concat(pieces),
  };
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
