import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openAsBlob, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/db.ts';
import { lockFolder } from '../../src/store/folder-lock.ts';
import { freshDatabase } from '../servers/postgres.ts';
import { openTestFolder } from './each-engine.ts';

function startChild(script: string, argument: string): ChildProcess {
  const file = join(import.meta.dirname, 'child', script);
  const child = spawn(process.execPath, [file, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the child has no output');
  const [line] = await once(child.stdout, 'data');
  return String(line).trim();
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saring-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a second process on the same folder is refused with an error naming the first', async () => {
  const folder = emptyFolder();
  const first = startChild('hold-folder.ts', folder);
  expect(await firstLine(first)).toBe('held');
  const refusal = await firstLine(startChild('hold-folder.ts', folder));
  expect(refusal).toContain(`is used by process ${first.pid}`);
  await expect(openStore({ engine: 'embedded', folder })).rejects.toMatchObject({ code: 'FOLDER_IN_USE' });
});

test('the lock of a process that was killed is taken over, by one of many', async () => {
  const folder = emptyFolder();
  const first = startChild('hold-folder.ts', folder);
  await firstLine(first);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const lines = await Promise.all(
    Array.from({ length: 4 }, () => firstLine(startChild('hold-folder.ts', folder))),
  );
  expect(lines.filter((line) => line === 'held')).toHaveLength(1);
  expect(lines.filter((line) => line.includes('is used by process'))).toHaveLength(3);
});

test('a released folder can be taken again', async () => {
  const folder = emptyFolder();
  await (await lockFolder(folder)).release();
  await (await lockFolder(folder)).release();
  expect(readdirSync(folder)).toEqual([]);
});

test('four processes that start together on an empty database migrate it once', async () => {
  const database = await freshDatabase(inject('databaseUrl'));
  onTestFinished(() => database.drop());
  const exits = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const [code] = await once(startChild('open-store.ts', database.url), 'exit');
      return code;
    }),
  );
  expect(exits).toEqual([0, 0, 0, 0]);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('select name from kysely_migration order by name');
  await client.end();
  expect(rows).toEqual([
    { name: '0001-first-tables' },
    { name: '0002-batch-row-numbers' },
    { name: '0003-pictures' },
    { name: '0004-cancelled-batches' },
    { name: '0007-duplicate-groups' },
  ]);
});

test('the last three snapshots are kept, and a new folder can begin from one', async () => {
  const opened = await openTestFolder();
  onTestFinished(() => opened.remove());
  await sql`create table note (text text)`.execute(opened.store.db);
  await sql`insert into note values ('masih ada')`.execute(opened.store.db);
  const files: (string | null)[] = [];
  for (let n = 0; n < 4; n += 1) files.push(await opened.store.snapshot());
  expect(readdirSync(join(opened.folder, 'snapshots'))).toHaveLength(3);
  const restored = await openStore({
    engine: 'embedded',
    folder: emptyFolder(),
    image: await openAsBlob(files.at(-1) ?? ''),
  });
  onTestFinished(() => restored.close());
  expect((await sql`select text from note`.execute(restored.db)).rows).toEqual([{ text: 'masih ada' }]);
});
