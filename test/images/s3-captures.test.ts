import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CaptureStore } from '../../src/images/capture-store.ts';
import { openS3Captures } from '../../src/images/s3-captures.ts';
import { freePort } from '../servers/server-process.ts';
import { fileOf } from './capture-files.ts';
import { startObjectsServer, testKeys } from './objects-server.ts';

function open(endpoint: string | null, changes: { secretAccessKey?: string; prefix?: string } = {}) {
  const store: CaptureStore = openS3Captures(
    {
      ...{ kind: 's3', endpoint, region: 'ap-southeast-3', bucket: 'pictures', prefix: 'copies' },
      ...{ pathStyle: true, ...testKeys, ...changes },
    },
    { connectMs: 500, answerMs: 500, bodyMs: 300 },
  );
  onTestFinished(() => store.close());
  return store;
}

// test/images/capture-store.test.ts holds the store to its promises on a real server, which has no conditional writes.
describe('against a server of the test, which is no real S3', () => {
  test('a copy is looked for, then written only if it still is not there, with its SHA-256 beside it', async () => {
    const server = await startObjectsServer();
    const store = open(server.endpoint);
    const bytes = randomBytes(1_000);
    const sha256 = await store.put(bytes);
    await store.put(bytes);
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'PUT', 'HEAD']);
    expect(server.requests[1]).toMatchObject({
      key: `/pictures/${fileOf('copies', sha256)}`,
      headers: {
        'if-none-match': '*',
        'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
        'x-amz-content-sha256': sha256,
        'content-type': 'application/octet-stream',
      },
    });
    expect(Buffer.from(await store.get(sha256)).equals(bytes)).toBe(true);
  });

  test('a copy that another process wrote in between is left as it is', async () => {
    const server = await startObjectsServer({
      interfere({ method, key, body }) {
        if (method === 'PUT' && !server.objects.has(key)) server.objects.set(key, Buffer.from(body));
        return false;
      },
    });
    const store = open(server.endpoint);
    const sha256 = await store.put(randomBytes(100));
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'PUT', 'HEAD']);
    expect(await store.check(sha256)).toBeNull();
  });

  test('while another process is writing the same copy, it is tried again', async () => {
    let conflicts = 2;
    const server = await startObjectsServer({
      interfere({ method }, answer) {
        if (method !== 'PUT' || conflicts === 0) return false;
        conflicts -= 1;
        server.refuse(answer, 409, 'ConditionalRequestConflict');
        return true;
      },
    });
    expect(await open(server.endpoint).put(randomBytes(100))).toHaveLength(64);
  });

  test('a server that fails for a moment is asked again', async () => {
    let failures = 2;
    const server = await startObjectsServer({
      interfere(_request, answer) {
        if (failures === 0) return false;
        failures -= 1;
        server.refuse(answer, 503, 'SlowDown');
        return true;
      },
    });
    expect(await open(server.endpoint).put(randomBytes(100))).toHaveLength(64);
  });

  test('bytes that break off or stand still are read again, and never taken for altered ones', async () => {
    let faults = 2;
    const server = await startObjectsServer({
      interfere({ method, key }, answer) {
        const object = server.objects.get(key);
        if (method !== 'GET' || object === undefined || faults === 0) return false;
        faults -= 1;
        answer.writeHead(200, { 'content-length': object.length });
        answer.write(object.subarray(0, 500), () => faults === 1 && answer.destroy());
        return true;
      },
    });
    const store = open(server.endpoint);
    const sha256 = await store.put(randomBytes(1_000));
    expect(await store.check(sha256)).toBeNull();
    faults = 100;
    await expect(store.check(sha256)).rejects.toMatchObject({ code: 'CAPTURES_UNAVAILABLE' });
  });

  test('what a server refuses is said with what to do', async () => {
    let said: [number, string] = [404, 'NoSuchBucket'];
    const server = await startObjectsServer({
      interfere(_request, answer) {
        server.refuse(answer, ...said);
        return true;
      },
    });
    const store = open(server.endpoint);
    const sha256 = '0'.repeat(64);
    const unavailable = (advice: string) => ({
      code: 'CAPTURES_UNAVAILABLE',
      message: expect.stringContaining(advice),
    });
    await expect(store.check(sha256)).rejects.toMatchObject(unavailable('there is no such bucket; make it'));
    await expect(store.put(randomBytes(9))).rejects.toMatchObject(unavailable('there is no such bucket'));
    await expect(Array.fromAsync(store.list())).rejects.toMatchObject(unavailable('no such bucket'));
    said = [403, 'AccessDenied'];
    await expect(store.get(sha256)).rejects.toMatchObject(unavailable('may list, get and put'));
    said = [507, 'XMinioStorageFull'];
    await expect(store.put(randomBytes(9))).rejects.toMatchObject({ code: 'CAPTURES_FULL', status: 507 });
  });

  test('a wrong secret is refused, and the secret is not said', async () => {
    const server = await startObjectsServer();
    const refused = open(server.endpoint, { secretAccessKey: 'mistyped' }).get('0'.repeat(64));
    await expect(refused).rejects.toThrow('refuses these keys');
    await expect(refused).rejects.not.toThrow('mistyped');
  });

  test('a server that is away or silent is given up', async () => {
    const away = open(`http://127.0.0.1:${await freePort()}`);
    await expect(away.put(randomBytes(9))).rejects.toMatchObject({ code: 'CAPTURES_UNAVAILABLE' });
    const silent = await startObjectsServer({ interfere: () => true });
    const refused = open(silent.endpoint).check('0'.repeat(64));
    await expect(refused).rejects.toMatchObject({ code: 'CAPTURES_UNAVAILABLE' });
  });
});
