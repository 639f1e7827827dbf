import { mkdtempSync, openAsBlob, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openStore, type Store } from '../../src/store/db.ts';
import { freshDatabase } from '../servers/postgres.ts';

/** An embedded store in a folder of its own, begun from the run's image. */
export async function openTestFolder(): Promise<{ store: Store; folder: string; remove(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'saring-test-'));
  const store = await openStore({
    engine: 'embedded',
    folder,
    image: await openAsBlob(inject('embeddedImage')),
  });
  return {
    store,
    folder,
    async remove() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A store on an empty database of its own. */
export async function openTestDatabase(): Promise<{ store: Store; url: string; remove(): Promise<void> }> {
  const database = await freshDatabase(inject('databaseUrl'));
  const store = await openStore({ engine: 'postgres', url: database.url, poolSize: 20 });
  return {
    store,
    url: database.url,
    async remove() {
      await store.close();
      await database.drop();
    },
  };
}

/** Runs the same tests on both engines; `getStore` gives the one in hand. */
export function describeEachEngine(name: string, suite: (getStore: () => Store) => void): void {
  describe.each([
    ['embedded', openTestFolder],
    ['postgres', openTestDatabase],
  ] as const)(`${name} (%s)`, (_engine, open) => {
    let opened: { store: Store; remove(): Promise<void> } | null = null;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.remove();
    });
    suite(() => {
      if (opened === null) throw new Error('the store is not open yet');
      return opened.store;
    });
  });
}
