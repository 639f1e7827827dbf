import { createGunzip, type Gunzip } from 'node:zlib';
import { AppError } from '../domain/app-error.ts';

/** Packed bytes given to zlib at once: a bomb makes at most a thousand times as much of them, 8 MiB. */
const packedAtOnce = 8 * 1024;

/** The bytes as they are, or unpacked where they begin as gzip does. Needs the memory of one piece. */
export async function* unpackIfGzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let head: Uint8Array = new Uint8Array(0);
    while (head.byteLength < 2) {
      const next = await iterator.next();
      if (next.done === true) break;
      head = head.byteLength === 0 ? next.value : Buffer.concat([head, next.value]);
    }
    async function* whole(): AsyncGenerator<Uint8Array> {
      if (head.byteLength > 0) yield head;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value;
    }
    yield* head[0] === 0x1f && head[1] === 0x8b ? unpackGzip(whole()) : whole();
  } finally {
    await iterator.return?.();
  }
}

/**
 * Unpacks gzip piece by piece. Everything before a break is given before the error: a stream of zlib's own would drop
 * what nobody has read yet.
 *
 * @throws AppError INPUT_BROKEN for what is no gzip, ends too early or is damaged
 */
export async function* unpackGzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let unpacked: Uint8Array[] = [];
  let failure: Error | null = null;
  gunzip.on('data', (piece: Uint8Array) => unpacked.push(piece));
  gunzip.on('error', (error) => {
    failure = error;
  });
  function* taken(): Generator<Uint8Array> {
    const pieces = unpacked;
    unpacked = [];
    yield* pieces;
  }
  try {
    for await (const piece of source) {
      for (let from = 0; from < piece.byteLength; from += packedAtOnce) {
        // What follows the last member is padding, which other programs pass over, too.
        if (failure === null && !gunzip.readableEnded)
          await write(gunzip, piece.subarray(from, from + packedAtOnce));
        yield* taken();
      }
      if (failure !== null) throw broken(failure);
    }
    if (!gunzip.readableEnded) await end(gunzip);
    yield* taken();
    if (failure !== null) throw broken(failure);
  } finally {
    gunzip.destroy();
  }
}

/** Resolves when zlib has taken the bytes, or failed: then it does not call back. */
async function write(gunzip: Gunzip, bytes: Uint8Array): Promise<void> {
  await untilClosedOr(gunzip, (done) => gunzip.write(bytes, done));
}

async function end(gunzip: Gunzip): Promise<void> {
  await untilClosedOr(gunzip, (done) => gunzip.once('end', done).end());
}

async function untilClosedOr(gunzip: Gunzip, begin: (done: () => void) => void): Promise<void> {
  await new Promise<void>((resolve) => {
    gunzip.once('close', resolve);
    begin(() => {
      gunzip.off('close', resolve);
      resolve();
    });
  });
}

function broken(cause: Error): AppError {
  return new AppError('INPUT_BROKEN', 422, 'the gzip is damaged or ends too early; pack the file anew', {
    cause,
  });
}
