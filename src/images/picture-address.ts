import { type AddressRules, portOf } from './address-rules.ts';
import { PictureError } from './picture-error.ts';

/**
 * Reads where a picture is said to be, or where an answer sends on to (then relative to `base`). What is read here is
 * only words: the numbers behind a host are checked when it is connected to.
 *
 * @throws PictureError address-forbidden: unreadable, another protocol, another port, or with a user name or password
 */
export function readPictureAddress(text: string, rules: AddressRules, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null) throw forbidden('the address cannot be read');
  if (url.protocol === 'data:' && base === undefined) return url;
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw forbidden(`only http and https are fetched, not ${url.protocol.slice(0, 20)}`);
  if (url.username !== '' || url.password !== '')
    throw forbidden('the address carries a user name or password');
  const port = portOf(url);
  if (!rules.permitsPort(url.protocol, port))
    throw forbidden(`port ${port} is not the usual one of ${url.protocol.slice(0, -1)}`);
  // The dot at the end means the same host and is not sent: certificates and servers know the name without it.
  url.hostname = url.hostname.replace(/\.$/, '');
  url.hash = '';
  return url;
}

/** The error for an address that must not be asked. */
export function forbidden(reason: string): PictureError {
  return new PictureError('address-forbidden', reason, { passing: false });
}
