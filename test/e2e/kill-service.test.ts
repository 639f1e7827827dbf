import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/db.ts';
import { startServiceProcess } from './service-process.ts';

const kills = 10;
const listings = 6_000;

function batchFile(): string {
  const texts = [
    'bal segel import korea jaket second',
    'soto ayam kampung',
    'thrift hoodie second import grade A 75k',
    'preloved pribadi blazer',
  ];
  return Array.from(
    { length: listings },
    (_, n) =>
      `${JSON.stringify({ id: `p${n}`, platform: 'x', text: `${texts[n % texts.length]} nomor ${n}` })}\n`,
  ).join('');
}

test('ten kills of the service during a batch import into the embedded store lose nothing and double nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-kill-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const environment = { SARING_DATA: folder, LOG_LEVEL: 'info', BATCH_CHUNK_ROWS: '200' };
  const body = batchFile();
  let service = await startServiceProcess(environment);
  const key = service.firstKey;
  expect(key).not.toBeNull();
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/x-ndjson',
    'idempotency-key': 'night',
  };
  const upload = () =>
    fetch(`${service.address}/v1/batches`, { method: 'POST', headers, body }).catch(() => null);

  for (let kill = 0; kill < kills; kill += 1) {
    const uploading = upload();
    // Later each time, so that uploads, chunks in work and the first milliseconds after a start are all hit.
    await new Promise((resolve) => setTimeout(resolve, 40 + 60 * kill));
    await service.kill();
    await uploading;
    service = await startServiceProcess(environment);
    expect(service.firstKey).toBeNull();
  }
  const answer = await upload();
  expect(answer?.status).toBe(202);
  const location = `${service.address}${answer?.headers.get('location')}`;
  for (;;) {
    const response = await fetch(location, { headers });
    const batch = await response.json();
    if (typeof batch === 'object' && batch !== null && 'done' in batch && batch.done === true) {
      expect(batch).toMatchObject({
        state: 'received',
        rows: { read: listings, scored: listings, bad: 0, failed: 0 },
      });
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await service.stop()).toBe(0);

  const store = await openStore({ engine: 'embedded', folder });
  onTestFinished(() => store.close());
  const count = async (query: string) => (await sql.raw<{ n: number }>(query).execute(store.db)).rows[0]?.n;
  expect(await count('select count(*)::int as n from batch')).toBe(1);
  expect(await count('select count(*)::int as n from listing')).toBe(listings);
  expect(await count('select count(distinct row_number)::int as n from batch_item')).toBe(listings);
  expect(await count('select count(*)::int as n from assessment')).toBe(listings);
  const flags = await count("select count(*)::int as n from listing where verdict = 'flag'");
  expect(flags).toBeGreaterThan(0);
  expect(await count('select count(*)::int as n from review')).toBe(flags);
  process.stderr.write(`${kills} kills, ${listings} listings, 0 lost, 0 double\n`);
}, 180_000);
