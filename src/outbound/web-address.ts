import { type AddressRules, portOf } from './address-rules.ts';
import { forbidden } from './request-error.ts';

/**
 * Reads an address of the web that a stranger wrote, or that an answer sends on to (then relative to `base`). What is
 * read here is only words: the numbers behind a host are checked when it is connected to.
 *
 * @throws RequestError address-forbidden: unreadable, another protocol, another port, or with a user name or password
 */
export function readWebAddress(text: string, rules: AddressRules, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null) throw forbidden('the address cannot be read');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw forbidden(`only http and https are asked, not ${url.protocol.slice(0, 20)}`);
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
