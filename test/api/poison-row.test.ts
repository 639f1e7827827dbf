import { sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startDistributed, startEmbedded } from './start-api.ts';

describe.each([
  ['embedded', () => startEmbedded({ PICTURES: 'off' })],
  ['PostgreSQL and Redis', () => startDistributed(6, { PICTURES: 'off' })],
] as const)('a row that can never be stored (%s)', (_name, start) => {
  test('is given up alone, and the others of its chunk are scored', async () => {
    const started = await start();
    onTestFinished(async () => {
      await started.api.close();
      await started.remove();
    });
    const { db } = started.api.services.store;
    await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'poison'; end $$`.execute(
      db,
    );
    await sql`create trigger refuse before insert on listing for each row when (new.text = 'racun') execute function refuse()`.execute(
      db,
    );
    const texts = Array.from({ length: 60 }, (_, n) => (n === 33 ? 'racun' : `bal import ${n}`));
    const file = texts.map((text, n) => `${JSON.stringify({ id: `r${n}`, text })}\n`).join('');
    const uploaded = await started.api.ask('batch', 'POST', '/v1/batches', file, {
      'content-type': 'application/x-ndjson',
    });
    expect(uploaded.statusCode).toBe(202);
    const batch = async () =>
      (await started.api.ask('batch', 'GET', `/v1/batches/${uploaded.json().id}`)).json();
    await vi.waitFor(async () => expect((await batch()).rows.scored).toBe(59), 20_000);
    expect(await batch()).toMatchObject({ done: false, rows: { read: 60, failed: 0 } });
    // Its last tries would be minutes away.
    await vi.waitFor(async () => {
      await sql`update work set attempts = 7, due_at = now() where state = 'pending' and lane = 'assess' and leased_until is null`.execute(
        db,
      );
      expect(await batch()).toMatchObject({ done: true, rows: { read: 60, scored: 59, failed: 1 } });
    }, 20_000);
  }, 60_000);
});
