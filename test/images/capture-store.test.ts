import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CaptureStore, openCaptureStore } from '../../src/images/capture-store.ts';
import { sweepCaptures } from '../../src/images/sweep-captures.ts';
import { type SwiftServer, startSwift, swiftKeys } from '../servers/swift.ts';
import { emptyFolder, fileOf, sorted } from './capture-files.ts';

/** A store, and a hand that reaches past it. */
type Opened = {
  store: CaptureStore;
  alter(sha256: string, bytes: Uint8Array): Promise<void>;
  remove(sha256: string): Promise<void>;
};

const servers = mkdtempSync(join(tmpdir(), 'saring-swift-'));
let swift: SwiftServer;

beforeAll(async () => {
  chmodSync(servers, 0o755);
  swift = await startSwift(servers);
});
afterAll(async () => {
  await swift.kill();
  rmSync(servers, { recursive: true, force: true });
});

async function openFolder(): Promise<Opened> {
  const folder = emptyFolder();
  const store = await openCaptureStore({ kind: 'folder', folder });
  return {
    store,
    async alter(sha256, bytes) {
      chmodSync(fileOf(folder, sha256), 0o644);
      writeFileSync(fileOf(folder, sha256), bytes);
    },
    async remove(sha256) {
      unlinkSync(fileOf(folder, sha256));
    },
  };
}

async function openSwift(): Promise<Opened> {
  const prefix = `copies ${crypto.randomUUID()}`;
  const { url: endpoint, region, bucket } = swift;
  const store = await openCaptureStore({
    kind: 's3',
    ...{ endpoint, region, bucket, prefix, pathStyle: true, ...swiftKeys },
  });
  const client = new S3Client({
    ...{ endpoint, region, forcePathStyle: true, credentials: swiftKeys },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  onTestFinished(async () => {
    client.destroy();
    await store.close();
  });
  const object = (sha256: string) => ({ Bucket: bucket, Key: fileOf(prefix, sha256) });
  return {
    store,
    async alter(sha256, bytes) {
      await client.send(new PutObjectCommand({ ...object(sha256), Body: bytes }));
    },
    async remove(sha256) {
      await client.send(new DeleteObjectCommand(object(sha256)));
    },
  };
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Bytes with one bit turned over. */
function withOneBitTurned(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte));
}

describe.each([
  ['in a folder', openFolder],
  ['in OpenStack Swift, a real server with an S3 interface', openSwift],
])('copies %s', (_where, open) => {
  test('what was put is got, under its SHA-256, whatever the bytes', async () => {
    const { store } = await open();
    const put = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), async (bytes) => {
        const sha256 = await store.put(bytes);
        put.add(sha256);
        expect(sha256).toBe(sha256Of(bytes));
        expect(Buffer.from(await store.get(sha256)).equals(bytes)).toBe(true);
        expect(await store.check(sha256)).toBeNull();
      }),
      { numRuns: 25, seed: 20261125 },
    );
    expect(await sorted(store.list())).toEqual([...put].sort());
  });

  test('the same bytes are stored once, also when they are put at the same time', async () => {
    const { store } = await open();
    const bytes = randomBytes(300_000);
    const hashes = await Promise.all(Array.from({ length: 6 }, () => store.put(bytes)));
    expect(new Set([...hashes, await store.put(bytes)]).size).toBe(1);
    expect(await sorted(store.list())).toEqual([sha256Of(bytes)]);
  });

  test('one bit turned over is found by check and never handed out', async () => {
    const { store, alter } = await open();
    const bytes = randomBytes(100_000);
    const sha256 = await store.put(bytes);
    await alter(sha256, withOneBitTurned(bytes));
    expect(await store.check(sha256)).toBe('altered');
    await expect(store.get(sha256)).rejects.toMatchObject({ name: 'CaptureAlteredError', sha256 });
  });

  test('putting bytes where others lie is refused, and leaves them for a person to look at', async () => {
    const { store, alter } = await open();
    const bytes = randomBytes(1_000);
    const sha256 = await store.put(bytes);
    await alter(sha256, bytes.subarray(1));
    await expect(store.put(bytes)).rejects.toMatchObject({ name: 'CaptureAlteredError', sha256 });
    expect(await store.check(sha256)).toBe('altered');
  });

  test('a copy that is gone is missing, and can be put again', async () => {
    const { store, remove } = await open();
    const bytes = randomBytes(1_000);
    const sha256 = await store.put(bytes);
    await remove(sha256);
    expect(await store.check(sha256)).toBe('missing');
    await expect(store.get(sha256)).rejects.toMatchObject({ name: 'CaptureMissingError', sha256 });
    await store.put(bytes);
    expect(await store.check(sha256)).toBeNull();
  });

  test('nothing but a SHA-256 is ever looked up', async () => {
    const { store } = await open();
    const sha256 = await store.put(Buffer.from('evidence'));
    const attempts = ['', '..', '../../etc/passwd', `${sha256}/..`, `../${sha256}`, `${sha256}\n`];
    for (const attempt of [...attempts, sha256.toUpperCase(), `${sha256}\0`, 'incoming']) {
      await expect(store.get(attempt)).rejects.toThrow(RangeError);
      await expect(store.check(attempt)).rejects.toThrow(RangeError);
    }
  });

  test('a sweep tells what is missing, altered and unknown, and changes nothing', async () => {
    const { store, alter, remove } = await open();
    const put = await Promise.all(Array.from({ length: 8 }, () => store.put(randomBytes(2_000))));
    const [gone = '', changed = '', nobodys = '', ...whole] = put;
    await remove(gone);
    await alter(changed, randomBytes(2_000));
    async function* expected() {
      yield* [gone, changed, ...whole];
      // A copy put while the sweep runs is not unknown, though nobody told the sweep of it.
      await store.put(Buffer.from('meanwhile'));
    }
    const seen: number[] = [];
    const report = await sweepCaptures(store, expected(), {
      onProgress: ({ checked }) => void seen.push(checked),
    });
    expect(report).toEqual({
      checked: 7,
      missing: [gone],
      altered: [changed],
      unknown: [nobodys],
      counts: { missing: 1, altered: 1, unknown: 1 },
    });
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await store.check(changed)).toBe('altered');
    expect(await store.check(nobodys)).toBeNull();
  });
});
