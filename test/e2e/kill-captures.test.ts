import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/db.ts';
import { runSaring, startServiceProcess } from './service-process.ts';

const kills = 4;
const listings = 40;
const differentPictures = 8;

/** A server whose every picture takes a while, so that kills find some under way. */
async function startSlowPictures(): Promise<string> {
  const pictures = await Promise.all(
    Array.from({ length: differentPictures }, async (_, n) =>
      sharp({
        create: { width: 200 + n, height: 200, channels: 3, background: { r: 30 * n, g: 90, b: 120 } },
      })
        .png()
        .toBuffer(),
    ),
  );
  const server = createServer((request, response) => {
    const n = Number(request.url?.slice(1)) % differentPictures;
    setTimeout(() => response.writeHead(200).end(pictures[n]), 60);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
}

test('kills while pictures are fetched lose none and keep every frozen copy sound', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-kill-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const host = await startSlowPictures();
  const environment = { SARING_DATA: folder, PICTURE_ALLOWED: host, PICTURES_PER_SECOND: '100' };
  let service = await startServiceProcess(environment);
  const headers = { authorization: `Bearer ${service.firstKey}`, 'content-type': 'application/json' };
  for (let n = 0; n < listings; n += 1) {
    const body = JSON.stringify({ text: `jaket ${n}`, imageUrls: [`http://${host}/${n}`] });
    const answer = await fetch(`${service.address}/v1/listings`, { method: 'POST', headers, body });
    expect(answer.status).toBe(201);
  }
  for (let kill = 0; kill < kills; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100 + 150 * kill));
    await service.kill();
    service = await startServiceProcess(environment);
  }
  const waiting = async () => {
    const answer = await fetch(`${service.address}/v1/listings?limit=200`, { headers });
    const { listings: all } = (await answer.json()) as { listings: { pictures: { state: string }[] }[] };
    return all.flatMap(({ pictures }) => pictures).filter(({ state }) => state !== 'captured').length;
  };
  while ((await waiting()) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await service.stop()).toBe(0);

  const store = await openStore({ engine: 'embedded', folder });
  const pictures = await store.db.selectFrom('picture').select(['state', 'sha256']).execute();
  const copies = await store.db.selectFrom('capture').select('sha256').execute();
  await store.close();
  expect(pictures).toHaveLength(listings);
  expect(pictures.every(({ state }) => state === 'captured')).toBe(true);
  expect(copies).toHaveLength(differentPictures);
  const { code, out } = await runSaring(['captures', 'check'], { env: environment });
  expect([code, out.trim()]).toEqual([
    0,
    `${differentPictures} frozen copies checked: 0 missing, 0 altered, 0 that no record names`,
  ]);
  process.stdout.write(`pictures: ${kills} kills, ${listings} listings, 0 lost, ${copies.length} copies\n`);
}, 120_000);
