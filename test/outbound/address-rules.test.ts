import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAddressRules, isGlobalUnicast, readAllowedAddress } from '../../src/outbound/address-rules.ts';

/** IANA's IPv4 special-purpose registry, multicast, and the host of Azure's machines. */
const special4 =
  `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
  192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24
  203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32 168.63.129.16/32`.split(/\s+/);

/** IANA's IPv6 special-purpose registry, multicast, and what was never given out or was taken back. */
const special6 =
  `::/128 ::1/128 ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64
  2001::/23 2001::/32 2001:1::1/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28
  2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8 200::/7 400::/6
  800::/5 1000::/4 4000::/3 6000::/3 8000::/3 a000::/3 c000::/3 e000::/4 f000::/5`.split(/\s+/);

/** Networks that the registries for Asia, America and Europe give out of. */
const unicast6 = '2400::/12 2600:1000::/20 2800::/12 2a00::/12 2c00::/12'.split(' ');

function bytesOf(address: string): number[] {
  if (!address.includes(':')) return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const last = groups(tail ?? '');
  const first = groups(head);
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...(tail === undefined ? [] : zeros), ...last].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  ).join(':');
}

/** Any address of a network. */
function within(network: string): fc.Arbitrary<string> {
  const [address = '', bits = ''] = network.split('/');
  const fixed = bytesOf(address);
  return fc.array(fc.nat(255), { minLength: fixed.length, maxLength: fixed.length }).map((free) =>
    textOf(
      fixed.map((byte, at) => {
        const kept = Math.min(8, Math.max(0, Number(bits) - at * 8));
        const mask = (0xff << (8 - kept)) & 0xff;
        return (byte & mask) | ((free[at] ?? 0) & ~mask & 0xff);
      }),
    ),
  );
}

function isIn(address: string, network: string): boolean {
  const [start = '', bits = ''] = network.split('/');
  const binary = (text: string) =>
    bytesOf(text)
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('');
  return binary(address).startsWith(binary(start).slice(0, Number(bits)));
}

const anyV4 = within('0.0.0.0/0');

test.each([...special4, ...special6])('no address of %s is global unicast', (network) => {
  fc.assert(
    fc.property(within(network), (address) => !isGlobalUnicast(address)),
    { numRuns: 300 },
  );
});

test('no address that carries an IPv4 address is global unicast, whatever it carries', () => {
  const forms = [
    (v4: string) => `::ffff:${v4}`,
    (v4: string) => `::${v4}`,
    (v4: string) => `::ffff:0:${v4}`,
    (v4: string) => `64:ff9b::${v4}`,
    (v4: string) => `64:ff9b:1:2:3:4:${v4}`,
    (v4: string) => `2001:0:4136:e378:8000:63bf:${v4}`,
    (v4: string) => `2400:cb00:1:2:0:5efe:${v4}`,
    (v4: string) => `2400:cb00:1:2:200:5efe:${v4}`,
    (v4: string) => `fe80::200:5efe:${v4}`,
    (v4: string) => `2002:${textOf([...bytesOf(v4), ...Array(12).fill(0)]).slice(0, -12)}::1`,
  ];
  fc.assert(
    fc.property(anyV4, fc.constantFrom(...forms), (v4, form) => !isGlobalUnicast(form(v4))),
    { numRuns: 3_000 },
  );
});

test('any other IPv4 address, and any of the networks given out in IPv6, is global unicast', () => {
  const public4 = anyV4.filter((address) => !special4.some((network) => isIn(address, network)));
  fc.assert(fc.property(public4, isGlobalUnicast), { numRuns: 3_000 });
  const public6 = fc.constantFrom(...unicast6).chain(within);
  fc.assert(
    fc.property(
      public6.filter((address) => !/:(?:[0-3]00|0):5efe:/.test(address)),
      isGlobalUnicast,
    ),
    { numRuns: 3_000 },
  );
});

test('what is not written as an address is none', () => {
  const wrong = [
    '',
    '1',
    '1.1',
    '010.1.1.1',
    '0x8.8.8.8',
    '8.8.8.8 ',
    'fe80::1%lo',
    '2600::1%1',
    '[2600::1]',
    'a.example',
  ];
  expect(wrong.filter(isGlobalUnicast)).toEqual([]);
  fc.assert(fc.property(fc.string(), (text) => !isGlobalUnicast(text)));
});

test('an allowed address is let through at its ports only, and nothing beside it', () => {
  const allowed = ['127.0.0.2:8080', '[fd00::/8]:81', '10.1.0.0/16'].map(readAllowedAddress);
  const rules = createAddressRules(allowed);
  expect(rules.permits('127.0.0.2', 'http:', 8080)).toBe(true);
  expect(rules.permits('127.0.0.2', 'http:', 80)).toBe(false);
  expect(rules.permits('127.0.0.3', 'http:', 8080)).toBe(false);
  expect(rules.permits('::ffff:127.0.0.2', 'http:', 8080)).toBe(false);
  expect(rules.permits('fd12::1', 'https:', 81)).toBe(true);
  expect(rules.permits('fd12::1%lo', 'https:', 81)).toBe(false);
  expect(rules.permits('10.1.2.3', 'https:', 443)).toBe(true);
  expect(rules.permits('8.8.8.8', 'http:', 8080)).toBe(false);
  expect(rules.permits('8.8.8.8', 'https:', 80)).toBe(false);
  expect(rules.permits('8.8.8.8', 'https:', 443)).toBe(true);
});

test('an allowed address that cannot be read is refused when it is set', () => {
  for (const text of [
    '',
    'localhost',
    'localhost:80',
    '127.0.0.1:0',
    '127.0.0.1:99999',
    '127.0.0.1/33',
    '[::1',
    '127.1',
  ])
    expect(() => readAllowedAddress(text), text).toThrow(text);
});
