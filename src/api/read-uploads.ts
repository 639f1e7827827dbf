import type { FastifyRequest } from 'fastify';
import { AppError } from '../domain/app-error.ts';
import { readDataUrl } from '../images/data-url.ts';
import { PictureError } from '../images/picture-error.ts';
import { invalidInput } from './validate.ts';

/** A picture that came with a request, with the field to name where it is refused. */
type Upload = { field: string; bytes: Uint8Array };

declare module 'fastify' {
  interface FastifyRequest {
    /** Pictures that came with the request; null where none may. */
    uploads: Upload[] | null;
  }
}

/** Most pictures that may come with one request. */
const mostFiles = 10;
const dataScheme = 'data:';

/**
 * Takes the pictures out of a request, so that what is left is a listing: the files of a multipart form, whose field
 * `listing` holds the listing as JSON, and `data:` addresses among imageUrls.
 *
 * @param mostBytes most bytes of one picture
 * @param usualLimit most bytes of a request that brings none
 * @throws AppError INPUT_INVALID, UPLOAD_TOO_LARGE or BODY_TOO_LARGE
 */
export async function readUploads(
  request: FastifyRequest,
  { mostBytes, usualLimit }: { mostBytes: number; usualLimit: number },
): Promise<void> {
  const uploads: Upload[] = [];
  request.uploads = uploads;
  if (request.isMultipart()) request.body = await readForm(request, uploads, mostBytes);
  await takeDataAddresses(request, uploads, mostBytes);
  if (uploads.length === 0 && Number(request.headers['content-length']) > usualLimit) {
    throw new AppError(
      'BODY_TOO_LARGE',
      413,
      'the body is larger than this service takes of a listing without pictures; send less at a time, or a batch',
    );
  }
}

async function takeDataAddresses(
  { body }: FastifyRequest,
  uploads: Upload[],
  mostBytes: number,
): Promise<void> {
  if (typeof body !== 'object' || body === null || !('imageUrls' in body) || !Array.isArray(body.imageUrls))
    return;
  const isData = (url: unknown): url is string => typeof url === 'string' && url.startsWith(dataScheme);
  if (uploads.length + body.imageUrls.filter(isData).length > mostFiles)
    throw invalidInput([{ field: 'imageUrls', message: `must bring at most ${mostFiles} pictures` }]);
  for (const [index, url] of body.imageUrls.entries()) {
    if (!isData(url)) continue;
    const field = `imageUrls[${index}]`;
    uploads.push({ field, bytes: await readData(url, field, mostBytes) });
  }
  body.imageUrls = body.imageUrls.filter((url: unknown) => !isData(url));
}

async function readData(url: string, field: string, mostBytes: number): Promise<Uint8Array> {
  const address = URL.parse(url);
  if (address === null) throw invalidInput([{ field, message: 'must be a data: address' }]);
  try {
    return await readDataUrl(address, mostBytes);
  } catch (error) {
    throw error instanceof PictureError ? refusedUpload(field, error) : error;
  }
}

async function readForm(request: FastifyRequest, uploads: Upload[], mostBytes: number): Promise<unknown> {
  let listing: unknown;
  const parts = request.parts({
    limits: { files: mostFiles, fileSize: mostBytes, fields: 1, fieldSize: mostBytes },
  });
  try {
    for await (const part of parts) {
      if (part.type === 'file') {
        uploads.push({ field: part.fieldname, bytes: await part.toBuffer() });
      } else if (part.fieldname === 'listing' && typeof part.value === 'string') listing = parse(part.value);
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && String(cause.code).startsWith('FST_'))) throw cause;
    throw new AppError(
      'UPLOAD_TOO_LARGE',
      413,
      `send one field "listing" and at most ${mostFiles} pictures of at most ${Math.floor(mostBytes / 1024 / 1024)} MiB each`,
      { cause },
    );
  }
  if (listing === undefined)
    throw invalidInput([{ field: 'listing', message: 'is missing; send the listing as JSON in this field' }]);
  return listing;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw invalidInput([{ field: 'listing', message: 'must be a JSON object with a field "text"' }]);
  }
}

/** A refused picture as the caller should hear of it. */
export function refusedUpload(field: string, error: PictureError): AppError {
  return invalidInput([{ field, message: `is no picture that can be kept: ${error.message}` }]);
}
