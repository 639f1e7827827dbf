import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createServerProcess, freePort, giveToServer, type ServerProcess } from './server-process.ts';

/** What the tests sign in to Swift with. */
export const swiftKeys = { accessKeyId: 'saring:tests', secretAccessKey: 'no-secret' };

/** A server of objects with one empty bucket, `pictures`. */
export type SwiftServer = ServerProcess & { bucket: string; region: string };

/** Starts an OpenStack Swift with its S3 interface on loopback, with its data under `folder`. */
export async function startSwift(folder: string): Promise<SwiftServer> {
  const data = join(folder, 'swift');
  mkdirSync(data);
  giveToServer(data);
  const script = join(data, 'run-swift.py');
  copyFileSync(join(import.meta.dirname, 'run-swift.py'), script); // its user may not read the project
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { accessKeyId, secretAccessKey } = swiftKeys;
  const server = createServerProcess({
    url,
    port,
    // By its full path: the packages belong to Debian's Python, not to whichever comes first on PATH.
    command: '/usr/bin/python3',
    args: ['-B', script, data, String(port), accessKeyId, secretAccessKey],
    stopSignal: 'SIGTERM',
    isReady: async () => (await fetch(url)).status > 0,
  });
  await server.start();
  const client = new S3Client({
    endpoint: url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: swiftKeys,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  await client.send(new CreateBucketCommand({ Bucket: 'pictures' }));
  client.destroy();
  return { ...server, bucket: 'pictures', region: 'us-east-1' };
}
