import { addAbortSignal, Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { AppError } from '../domain/app-error.ts';
import { CaptureAlteredError, CaptureMissingError } from './capture-errors.ts';
import { largestCaptureBytes } from './capture-limit.ts';
import type { CaptureStore, CaptureStoreSettings } from './capture-store.ts';
import { capturePath, isSha256, sha256Of, sha256OfStream } from './sha256.ts';

type S3Settings = Extract<CaptureStoreSettings, { kind: 's3' }>;

/** How long is waited for a connection, for the answer to begin, and for all of a copy's bytes; milliseconds. */
type Patience = { connectMs: number; answerMs: number; bodyMs: number };

const patience: Patience = { connectMs: 5_000, answerMs: 60_000, bodyMs: 120_000 };
const attempts = 4;

function statusOf(error: unknown): number {
  return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
}

/** What the server said, as what to do about it. */
function explain(error: unknown, settings: S3Settings): Error {
  const [name, said] = error instanceof Error ? [error.name, error.message] : ['Error', String(error)];
  const status = statusOf(error);
  const place = `bucket ${settings.bucket} at ${settings.endpoint ?? `Amazon S3 in ${settings.region}`}`;
  const unavailable = (advice: string) =>
    new AppError('CAPTURES_UNAVAILABLE', 503, `${place}: ${advice} (${name}: ${said})`, { cause: error });
  if (status === 507 || name === 'XMinioStorageFull')
    return new AppError('CAPTURES_FULL', 507, `${place} has no space left for pictures`, { cause: error });
  if (name === 'NoSuchBucket') return unavailable('there is no such bucket; make it, or correct its name');
  if (status === 301 || status === 307 || name === 'AuthorizationHeaderMalformed')
    return unavailable('it is not in this region; correct the region or the endpoint');
  if (status === 401 || status === 403)
    return unavailable('it refuses these keys; they must be right and may list, get and put objects');
  return unavailable('it did not do what was asked; once it answers again, the same will work');
}

/**
 * Keeps copies as objects `PREFIXab/cd/abcd…` in a bucket of any S3-compatible server. The bucket must be there.
 *
 * A copy is looked for first, since the same picture is met often; what is not there is written on the
 * condition that it still is not. Servers without conditional writes (Swift, Backblaze) may in a race write
 * the same bytes twice, never others. Every server checks the bytes that arrive against the signed
 * SHA-256 of the request, newer ones also store it as the object's checksum.
 */
export function openS3Captures(
  settings: S3Settings,
  { connectMs, answerMs, bodyMs } = patience,
): CaptureStore {
  const { bucket } = settings;
  const prefix =
    settings.prefix === '' || settings.prefix.endsWith('/') ? settings.prefix : `${settings.prefix}/`;
  const client = new S3Client({
    region: settings.region,
    ...(settings.endpoint === null ? {} : { endpoint: settings.endpoint }),
    forcePathStyle: settings.pathStyle,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    maxAttempts: attempts,
    // Its own checksums of everything confuse older servers, and every copy is hashed here anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: answerMs,
      throwOnRequestTimeout: true,
    },
  });
  let conditional = true;

  const keyOf = (sha256: string) => ({ Bucket: bucket, Key: prefix + capturePath(sha256) });

  async function sizeOf(sha256: string): Promise<number | null> {
    try {
      return (await client.send(new HeadObjectCommand(keyOf(sha256)))).ContentLength ?? 0;
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  }

  /** Puts the copy unless it is there. Returns whether it is there now; false asks to look again. */
  async function putUnlessThere(bytes: Uint8Array, sha256: string): Promise<boolean> {
    const size = await sizeOf(sha256);
    if (size !== null && size !== bytes.length) throw new CaptureAlteredError(sha256);
    if (size !== null) return true;
    const asksConditional = conditional; // another put may find out meanwhile that it may not
    try {
      const put = new PutObjectCommand({
        ...keyOf(sha256),
        Body: bytes,
        ContentType: 'application/octet-stream', // a bucket someone made public must not serve pages
        ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
        ...(asksConditional ? { IfNoneMatch: '*' } : {}),
      });
      await client.send(put);
      return true;
    } catch (error) {
      const status = statusOf(error);
      const unknown = asksConditional && status === 501;
      if (unknown) conditional = false;
      // 412: another process wrote it just now. 409: another is writing it.
      if (unknown || status === 412 || status === 409) return false;
      throw error;
    }
  }

  async function open(sha256: string): Promise<{ body: Readable; size: number }> {
    const object = keyOf(sha256);
    try {
      const { Body, ContentLength } = await client.send(new GetObjectCommand(object));
      if (!(Body instanceof Readable)) throw new Error('the library gave no stream');
      return { body: addAbortSignal(AbortSignal.timeout(bodyMs), Body), size: ContentLength ?? 0 };
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === 'NoSuchKey')
        throw new CaptureMissingError(sha256);
      throw explain(error, settings);
    }
  }

  /** Reads a copy. The library asks again where a request fails; where its bytes break off, this does. */
  async function read<Result>(
    sha256: string,
    consume: (body: Readable, size: number) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      const { body, size } = await open(sha256);
      try {
        return await consume(body, size);
      } catch (error) {
        if (error instanceof CaptureAlteredError) throw error;
        if (attempt === attempts) throw explain(error, settings);
      } finally {
        body.destroy();
      }
    }
  }

  return {
    async put(bytes) {
      if (bytes.length > largestCaptureBytes) throw new RangeError('a copy may have 256 MiB at most');
      const sha256 = sha256Of(bytes);
      try {
        for (let attempt = 1; !(await putUnlessThere(bytes, sha256)); attempt += 1) {
          if (attempt > attempts) throw new Error('others kept writing the same object');
          await setTimeout(attempt * 100);
        }
      } catch (error) {
        throw error instanceof CaptureAlteredError ? error : explain(error, settings);
      }
      return sha256;
    },

    async get(sha256) {
      return read(sha256, async (body, size) => {
        if (size > largestCaptureBytes) throw new CaptureAlteredError(sha256);
        const bytes = Buffer.concat(await Array.fromAsync<Uint8Array>(body));
        if (sha256Of(bytes) !== sha256) throw new CaptureAlteredError(sha256);
        return bytes;
      });
    },

    async check(sha256) {
      try {
        return (await read(sha256, (body) => sha256OfStream(body))) === sha256 ? null : 'altered';
      } catch (error) {
        if (error instanceof CaptureMissingError) return 'missing';
        throw error;
      }
    },

    async *list() {
      try {
        for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
          for (const { Key = '' } of page.Contents ?? []) {
            const sha256 = Key.slice(-64);
            if (isSha256(sha256) && Key === prefix + capturePath(sha256)) yield sha256;
          }
        }
      } catch (error) {
        throw explain(error, settings);
      }
    },

    async close() {
      client.destroy();
    },
  };
}
