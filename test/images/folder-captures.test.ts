import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { openCaptureStore } from '../../src/images/capture-store.ts';
import { mountSmallDisk, NoSmallDiskError } from '../servers/small-disk.ts';
import { emptyFolder, fileOf, sorted } from './capture-files.ts';

const openFolder = (folder: string) => openCaptureStore({ kind: 'folder', folder });

/** Starts a process that puts copies, and keeps what it says. */
function startPutting(folder: string, name: string, count: number): { child: ChildProcess; said: string[] } {
  const script = join(import.meta.dirname, 'child', 'put-captures.ts');
  const child = spawn(process.execPath, [script, folder, name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  return { child, said };
}

test('processes that put the same bytes at the same time make one file and no error', async () => {
  const folder = emptyFolder();
  const all = Array.from({ length: 4 }, () => startPutting(folder, 'same', 60));
  const ends = await Promise.all(all.map(({ child }) => once(child, 'close')));
  expect(ends).toEqual(all.map(() => [0, null]));
  const store = await openFolder(folder);
  const listed = await sorted(store.list());
  for (const { said } of all) expect([...said].sort()).toEqual(listed);
  expect(listed).toHaveLength(60);
  expect(readdirSync(join(folder, 'incoming'))).toEqual([]);
});

test('processes killed in the middle leave whole copies, all that they said, and leftovers that go by age', async () => {
  const folder = emptyFolder();
  const said: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const putting = startPutting(folder, `round ${round}`, 100_000);
    while (putting.said.length < 20 + round * 7) await once(putting.child.stdout ?? putting.child, 'data');
    putting.child.kill('SIGKILL');
    await once(putting.child, 'close');
    said.push(...putting.said);
  }
  const store = await openFolder(folder);
  const listed = await sorted(store.list());
  for (const sha256 of listed) expect(await store.check(sha256)).toBeNull();
  expect(said.length).toBeGreaterThan(100);
  expect(listed).toEqual(expect.arrayContaining(said));

  const incoming = join(folder, 'incoming');
  const [old, fresh] = ['old', 'fresh'].map((name) => join(incoming, name));
  for (const file of [old, fresh]) writeFileSync(file ?? '', 'half a pic', { mode: 0o444 });
  for (const name of readdirSync(incoming)) {
    const twoHoursAgo = Date.now() / 1000 - 2 * 60 * 60;
    if (name !== 'fresh') utimesSync(join(incoming, name), twoHoursAgo, twoHoursAgo);
  }
  await openFolder(folder);
  expect(readdirSync(incoming)).toEqual(['fresh']);
});

test('a copy is a file nobody may write', async () => {
  const folder = emptyFolder();
  const sha256 = await (await openFolder(folder)).put(Buffer.from('evidence'));
  expect(statSync(fileOf(folder, sha256)).mode & 0o777).toBe(0o444);
  expect(statSync(fileOf(folder, sha256)).nlink).toBe(1);
});

test('a link or a pipe in the place of a copy is an altered copy, and neither followed nor waited for', async () => {
  const folder = emptyFolder();
  const store = await openFolder(folder);
  const sha256 = await store.put(Buffer.from('evidence'));
  const file = fileOf(folder, sha256);
  const other = join(folder, 'other');
  writeFileSync(other, 'evidence');
  const stands = [() => symlinkSync(other, file), () => execFileSync('mkfifo', [file])];
  for (const stand of stands) {
    unlinkSync(file);
    stand();
    expect(await store.check(sha256)).toBe('altered');
    await expect(store.get(sha256)).rejects.toMatchObject({ name: 'CaptureAlteredError' });
    await expect(store.put(Buffer.from('evidence'))).rejects.toMatchObject({ name: 'CaptureAlteredError' });
  }
});

test('files that are no copies are not listed', async () => {
  const folder = emptyFolder();
  const store = await openFolder(folder);
  const sha256 = await store.put(Buffer.from('evidence'));
  writeFileSync(fileOf(folder, sha256).replace(sha256, `${sha256}.bak`), 'x');
  mkdirSync(join(folder, '00', '00'), { recursive: true });
  writeFileSync(join(folder, '00', '00', sha256), 'evidence');
  writeFileSync(join(folder, 'incoming', 'f'.repeat(64)), 'x');
  expect(await sorted(store.list())).toEqual([sha256]);
});

test('a folder that is a file is refused with what to do', async () => {
  const file = join(emptyFolder(), 'file');
  writeFileSync(file, '');
  await expect(openFolder(file)).rejects.toMatchObject({
    code: 'CAPTURES_UNAVAILABLE',
    message: expect.stringContaining('must be a folder that this user may write'),
  });
});

test('a full disk gives a clear error and no half copy, and what was stored stays whole', async ({
  skip,
}) => {
  const disk = await mountSmallDisk(join(emptyFolder(), 'disk'), 1).catch((error: unknown) => {
    if (error instanceof NoSmallDiskError) return error;
    throw error;
  });
  if (disk instanceof NoSmallDiskError) return skip(disk.message);
  onTestFinished(() => disk.unmount());
  const { folder } = disk;
  const store = await openFolder(folder);
  const first = await store.put(randomBytes(600_000));
  const second = randomBytes(600_000);
  await expect(store.put(second)).rejects.toMatchObject({
    code: 'CAPTURES_FULL',
    status: 507,
    message: expect.stringContaining('free some, or move the folder'),
  });
  expect(await sorted(store.list())).toEqual([first]);
  expect(readdirSync(join(folder, 'incoming'))).toEqual([]);
  expect(await store.check(first)).toBeNull();
  chmodSync(fileOf(folder, first), 0o644);
  unlinkSync(fileOf(folder, first));
  expect(await store.check(await store.put(second))).toBeNull();
});
