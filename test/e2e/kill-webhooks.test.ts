import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { startReceiver, verify } from '../outbound/receiver.ts';
import { startServiceProcess } from './service-process.ts';

const listings = 2_000;
const kills = 4;

const Log = z.object({
  deliveries: z.array(z.object({ id: z.string(), state: z.string(), attempts: z.array(z.unknown()) })),
});

test('a service killed while a batch comes to its end, and before the end is told, tells it under one id', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'saring-kill-webhooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  let answer: (response: ServerResponse) => void = () => undefined; // silent at first
  const receiver = await startReceiver((response) => answer(response));
  onTestFinished(() => receiver.close());
  const environment = {
    SARING_DATA: folder,
    PICTURES: 'off',
    WEBHOOK_ALLOWED: `127.0.0.1:${receiver.port}`,
  };
  let service = await startServiceProcess(environment);
  const headers = {
    authorization: `Bearer ${service.firstKey}`,
    'content-type': 'application/x-ndjson',
    'idempotency-key': 'night',
  };
  const query = new URLSearchParams({ webhook: receiver.at('/end') });
  const body = Array.from(
    { length: listings },
    (_, n) => `${JSON.stringify({ id: `r${n}`, text: `bal segel import ${n}` })}\n`,
  ).join('');
  const upload = () => fetch(`${service.address}/v1/batches?${query}`, { method: 'POST', headers, body });
  for (let kill = 0; kill < kills; kill += 1) {
    const uploading = upload().catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 100 + 150 * kill));
    await service.kill();
    await uploading;
    service = await startServiceProcess(environment);
  }
  const answered = await upload();
  const { id } = z.object({ id: z.string() }).parse(await answered.json());
  // The end is written down and its telling begun: between the two, and the receiver's answer, comes the last kill.
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(0), 30_000);
  await service.kill();
  answer = (response) => void response.writeHead(200).end();
  service = await startServiceProcess(environment);
  const log = await vi.waitFor(async () => {
    const response = await fetch(`${service.address}/v1/batches/${id}/deliveries`, { headers });
    const { deliveries } = Log.parse(await response.json());
    expect(deliveries).toMatchObject([{ state: 'delivered', attempts: [{ status: 200 }] }]);
    return deliveries;
  }, 30_000);
  const secret = await fetch(`${service.address}/v1/webhooks`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ url: receiver.at('/end') }),
  });
  const key = z.object({ secret: z.string() }).parse(await secret.json()).secret;
  for (const message of receiver.received) {
    expect(message.headers['webhook-id']).toBe(log[0]?.id);
    expect(verify(message, key)).toMatchObject({ data: { id, rows: { scored: listings, failed: 0 } } });
  }
  expect(await service.stop()).toBe(0);
  process.stderr.write(
    `${kills + 1} kills, 1 end, ${log.length} delivery, ${receiver.received.length} messages under one id\n`,
  );
}, 180_000);
