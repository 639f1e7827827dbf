import { Resolver } from 'node:dns/promises';
import { createUDPServer, Packet } from 'dns2';

/** What a name is answered with: addresses and aliases, an error, or nothing at all. Asked anew for every question. */
export type Answering = () => readonly string[] | 'fails' | 'silent';

export type NameServer = {
  /** Asks this server and no other. */
  resolver: Resolver;
  /** Questions so far, as `name type`. */
  asked: string[];
  close(): Promise<void>;
};

/**
 * A name server over UDP on this machine. An entry that is no address is an alias, whose own addresses come with it.
 * Names that are not in the zone do not exist.
 */
export async function startNameServer(zone: Record<string, Answering>): Promise<NameServer> {
  const asked: string[] = [];
  const server = createUDPServer((request, send) => {
    const response = Packet.createResponseFromRequest(request);
    const { name, type } = request.questions[0] ?? { name: '', type: 0 };
    asked.push(`${name} ${type === Packet.TYPE.AAAA ? 'AAAA' : 'A'}`);
    const answer = zone[name.toLowerCase()]?.();
    if (answer === 'silent') return;
    if (answer === 'fails') response.header.rcode = 2;
    else if (answer === undefined) response.header.rcode = 3;
    else response.answers.push(...records(zone, name, answer, type ?? 0));
    send(response);
  });
  await server.listen(0, '127.0.0.1');
  const resolver = new Resolver({ timeout: 300, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  return {
    resolver,
    asked,
    async close() {
      resolver.cancel();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function records(
  zone: Record<string, Answering>,
  name: string,
  entries: readonly string[],
  asked: number,
): Packet['answers'] {
  return entries.flatMap((entry) => {
    const common = { name, class: Packet.CLASS.IN, ttl: 0 };
    const type = entry.includes(':') ? Packet.TYPE.AAAA : Packet.TYPE.A;
    if (/^[\d.]+$|:/.test(entry))
      return type === asked ? [new Packet.Resource({ ...common, type, address: entry })] : [];
    const behind = zone[entry]?.() ?? [];
    const alias = new Packet.Resource({ ...common, type: Packet.TYPE.CNAME, domain: entry });
    return [alias, ...(typeof behind === 'string' ? [] : records(zone, entry, behind, asked))];
  });
}
