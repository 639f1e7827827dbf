import { setTimeout } from 'node:timers/promises';
import { sql } from 'kysely';
import sharp from 'sharp';
import { expect, vi } from 'vitest';
import type { Db } from '../../src/store/db.ts';

/** A file of this many listings. */
export function nightFile(rows: number): string {
  return Array.from({ length: rows }, (_, n) => {
    const text = n % 3 === 0 ? `soto ayam ${n}` : `bal segel import korea ${n}`;
    return `${JSON.stringify({ id: `p${n}`, platform: 'x', text })}\n`;
  }).join('');
}

/** Uploads the night's file, or goes on with it; resolves to its answer, or null when the connection ended. */
export async function uploadNight(address: string, key: string, body: string): Promise<Response | null> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/x-ndjson',
    'idempotency-key': 'night',
  };
  return await fetch(`${address}/v1/batches`, { method: 'POST', headers, body }).catch(() => null);
}

/** Listings with a picture of their own, one after another until it is ended. */
export function sendPictures(address: string, key: string): { end(): Promise<number> } {
  let ended = false;
  let sent = 0;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const sending = (async () => {
    while (!ended) {
      const background = { r: sent % 256, g: 90, b: 120 };
      const picture = await sharp({ create: { width: 64 + sent, height: 64, channels: 3, background } })
        .png()
        .toBuffer();
      const imageUrls = [`data:image/png;base64,${picture.toString('base64')}`];
      const body = JSON.stringify({ text: `jaket bergambar ${sent}`, imageUrls });
      const answer = await fetch(`${address}/v1/listings`, { method: 'POST', headers, body });
      expect(answer.status).toBe(201);
      sent += 1;
      await setTimeout(20);
    }
  })();
  return {
    async end() {
      ended = true;
      await sending;
      return sent;
    },
  };
}

/** Waits until the night's only batch is received and all its rows are scored. */
export async function waitUntilScored(db: Db, rows: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const batch = await db.selectFrom('batch').selectAll().executeTakeFirstOrThrow();
      expect(batch).toMatchObject({ state: 'received', rows_read: rows, rows_scored: rows });
    },
    { timeout: 150_000, interval: 200 },
  );
}

/** Holds the night's rows, listings, assessments, flags and reviews against each other. */
export async function expectEachRowOnce(db: Db, rows: number): Promise<void> {
  const count = async (query: string) => (await sql.raw<{ n: number }>(query).execute(db)).rows[0]?.n;
  const ofNight = 'listing_id in (select listing_id from batch_item)';
  expect(await count('select count(*)::int as n from batch')).toBe(1);
  expect(await count('select count(distinct row_number)::int as n from batch_item')).toBe(rows);
  expect(await count('select count(distinct listing_id)::int as n from batch_item')).toBe(rows);
  expect(await count(`select count(*)::int as n from assessment where ${ofNight}`)).toBe(rows);
  const flags = await count(
    `select count(*)::int as n from listing where verdict = 'flag' and id in (select listing_id from batch_item)`,
  );
  expect(flags).toBeGreaterThan(0);
  expect(await count(`select count(*)::int as n from review where ${ofNight}`)).toBe(flags);
  expect(await count('select rows_flagged as n from batch')).toBe(flags);
}
