import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Addresses and ports that may be asked besides the public internet, such as a server of the test's own. */
export type AllowedAddress = {
  /** A network in CIDR notation, or one address. */
  network: string;
  ports: readonly number[];
};

/** What may be connected to. */
export type AddressRules = {
  /** Whether any address at all may be asked at this port. */
  permitsPort(protocol: string, port: number): boolean;
  permits(address: string, protocol: string, port: number): boolean;
};

const usualPorts: Record<string, number> = { 'http:': 80, 'https:': 443 };

/** RFC 4291 section 2.4 and IANA's registry: only this eighth of IPv6 is given out as global unicast. */
const ipv6Unicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by its number, yet inside Azure every machine's own host answers there. */
const azureHost = '168.63.129.16';

/**
 * Whether an address is plain global unicast. All others are denied, among them every range of IANA's special-purpose
 * registries and every IPv6 address that carries an IPv4 one for something on the way to unpack: mapped, compatible
 * and translated (RFC 4291, 2765), NAT64 with its local prefix (6052, 8215), 6to4 (3056), Teredo (4380), ISATAP (5214).
 */
export function isGlobalUnicast(address: string): boolean {
  // ipaddr.js also reads octal, hexadecimal and short forms; an address with a zone is always of this machine's links.
  if (isIP(address) === 0 || address.includes('%') || address === azureHost) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || (parsed.match(ipv6Unicast) && !isIsatap(parsed));
}

/** Whether an address is what a translating resolver (DNS64) makes of an IPv4 address: RFC 6052's own prefix. */
export function isTranslated(address: string): boolean {
  return isIP(address) === 6 && ipaddr.parse(address).range() === 'rfc6052';
}

/** RFC 5214 section 6.1: the interface is 00-00-5E-FE, with any u and g bit, and an IPv4 address; in any network. */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return ((parts[4] ?? 0) & 0xfcff) === 0 && parts[5] === 0x5efe;
}

/**
 * Rules that let through global unicast at the usual port of the protocol, and what is allowed besides.
 *
 * @throws Error where an allowed network cannot be read
 */
export function createAddressRules(allowed: readonly AllowedAddress[]): AddressRules {
  const entries = allowed.map(({ network, ports }) => ({ network: readNetwork(network), ports }));
  return {
    permitsPort: (protocol, port) =>
      usualPorts[protocol] === port || entries.some(({ ports }) => ports.includes(port)),
    permits(address, protocol, port) {
      if (usualPorts[protocol] === port && isGlobalUnicast(address)) return true;
      if (isIP(address) === 0 || address.includes('%')) return false;
      const parsed = ipaddr.parse(address);
      return entries.some(({ network, ports }) => ports.includes(port) && isWithin(parsed, network));
    },
  };
}

/** The port an address of the web is asked at, as the protocol or the address itself says. */
export function portOf(url: URL): number {
  return url.port === '' ? (usualPorts[url.protocol] ?? 0) : Number(url.port);
}

/**
 * An allowed address as it is written in settings: `10.1.0.0/16`, `127.0.0.1:8080`, `[::1]:8080`, `[fd00::/8]:8080`.
 * Without a port it is allowed at 80 and 443.
 *
 * @throws Error where it cannot be read
 */
export function readAllowedAddress(text: string): AllowedAddress {
  const parts =
    /^\[(?<network>[^\]]+)\](?::(?<port>\d+))?$/.exec(text) ??
    /^(?<network>[\d./]+)(?::(?<port>\d+))?$/.exec(text) ??
    /^(?<network>[\da-f:./]+)$/i.exec(text);
  const { network = text, port } = parts?.groups ?? {};
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    throw new Error(`${text} names no port between 1 and 65535`);
  readNetwork(network);
  return { network, ports: port === undefined ? Object.values(usualPorts) : [Number(port)] };
}

type Network = ReturnType<typeof ipaddr.parseCIDR>;

function readNetwork(text: string): Network {
  const [address = ''] = text.split('/');
  const network = text.includes('/') ? text : `${text}/${isIP(text) === 4 ? 32 : 128}`;
  // The library also reads short and octal forms, which nobody should have to guess at in settings.
  if (isIP(address) === 0 || address.includes('%') || !ipaddr.isValidCIDR(network))
    throw new Error(`${text} is neither an address nor a network such as 10.1.0.0/16`);
  return ipaddr.parseCIDR(network);
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: Network): boolean {
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, bits);
  return network instanceof ipaddr.IPv6 && address.match(network, bits);
}
