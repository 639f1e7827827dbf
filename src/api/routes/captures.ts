import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { v7 as uuid } from 'uuid';
import { z } from 'zod';
import { AppError } from '../../domain/app-error.ts';
import { CaptureStanding } from '../../domain/picture.ts';
import { CaptureAlteredError, CaptureMissingError } from '../../images/capture-errors.ts';
import { PictureError } from '../../images/picture-error.ts';
import { makeThumbnail } from '../../images/thumbnail.ts';
import type { Services } from '../../services.ts';
import { countShown, findCapture, listByStanding, setStanding } from '../../store/captures.ts';
import { inTransaction } from '../../store/db.ts';
import { addRescore } from '../../store/rescores.ts';
import { requireKey } from '../authenticate.ts';
import { CaptureView, viewCapture } from '../picture-view.ts';
import { Problem } from '../problems.ts';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal');
const params = z.object({ sha256: Sha256 });
const readers = ['analyst', 'reviewer'] as const;
const tags = ['captures'];

const Shown = z.object({ listings: z.int(), confirmed: z.int(), dismissed: z.int() });

/** What a browser may do with bytes that strangers made: show them as a picture, and nothing else. */
const strangersBytes = {
  'content-security-policy': "sandbox; default-src 'none'",
  'x-content-type-options': 'nosniff',
  // The address is the content, so it never changes; but it is for this caller's eyes.
  'cache-control': 'private, max-age=31536000, immutable',
};
const extensions: Record<string, string> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
};

/** Frozen copies of pictures: what is known of one, a thumbnail, the original, and what people say of it. */
export function captureRoutes(services: Services): FastifyPluginAsyncZod {
  const {
    store: { db },
    pictures,
  } = services;

  async function require(sha256: string) {
    const capture = await findCapture(db, sha256);
    if (capture === null) throw new AppError('CAPTURE_NOT_FOUND', 404, `there is no frozen copy ${sha256}`);
    return capture;
  }

  /** The bytes, as long as they are what was frozen. */
  async function bytesOf(sha256: string): Promise<Uint8Array> {
    return await pictures.captures.get(sha256).catch((cause: unknown) => {
      if (!(cause instanceof CaptureMissingError || cause instanceof CaptureAlteredError)) throw cause;
      throw new AppError('CAPTURE_LOST', 500, `${cause.message}; find all such with: saring captures check`, {
        cause,
      });
    });
  }

  /** Not text, though the answers' type says so: Fastify's types know no bytes beside a schema. */
  function sendBytes(reply: FastifyReply, bytes: Uint8Array, mediaType: string) {
    return reply
      .headers(strangersBytes)
      .type(mediaType)
      .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  return async (api) => {
    api.get(
      '/v1/captures/:sha256',
      {
        config: { roles: readers },
        schema: {
          summary: 'A frozen copy, and how the listings fared that show it',
          tags,
          params,
          response: { 200: CaptureView.extend({ shown: Shown }), 404: Problem, 422: Problem },
        },
      },
      async (request) => {
        const capture = await require(request.params.sha256);
        return { ...viewCapture(capture), shown: await countShown(db, [capture.sha256], null) };
      },
    );

    api.get(
      '/v1/captures/:sha256/thumbnail',
      {
        config: { roles: readers },
        schema: {
          summary: 'The picture anew, small, as WebP',
          tags,
          params,
          querystring: z.strictObject({
            side: z.coerce.number().int().min(16).max(1024).default(320),
            blur: z.stringbool().default(false),
          }),
          response: { 200: z.any().describe('image/webp'), 404: Problem, 422: Problem },
        },
      },
      async (request, reply) => {
        const { sha256 } = await require(request.params.sha256);
        const bytes = await bytesOf(sha256);
        const { side, blur } = request.query;
        const made = await makeThumbnail(bytes, { side, blur, maxPixels: pictures.mostPixels }).catch(
          (error: unknown) => {
            if (!(error instanceof PictureError)) throw error;
            throw new AppError('PICTURE_UNREADABLE', 422, `the picture cannot be drawn: ${error.message}`);
          },
        );
        return sendBytes(reply, made.bytes, made.mediaType);
      },
    );

    api.get(
      '/v1/captures/:sha256/original',
      {
        config: { roles: readers },
        schema: {
          summary: 'The very bytes, to keep as evidence',
          tags,
          params,
          response: { 200: z.any().describe('the bytes as they were fetched'), 404: Problem, 422: Problem },
        },
      },
      async (request, reply) => {
        const { sha256, mediaType } = await require(request.params.sha256);
        const bytes = await bytesOf(sha256);
        reply.header(
          'content-disposition',
          `attachment; filename="${sha256}.${extensions[mediaType] ?? 'bin'}"`,
        );
        return sendBytes(reply, bytes, mediaType);
      },
    );

    api.put(
      '/v1/captures/:sha256/standing',
      {
        config: { roles: ['reviewer'] },
        schema: {
          summary: 'Say what a picture means: known from offers, harmless, or not to be matched',
          description:
            'Every listing with a picture that looks alike is scored once more in the background. null takes back what was said.',
          tags,
          params,
          body: z.strictObject({ standing: CaptureStanding.nullable() }),
          response: { 200: CaptureView, 404: Problem, 422: Problem },
        },
      },
      async (request) => {
        const { sha256 } = request.params;
        await inTransaction(db, async (trx) => {
          await setStanding(trx, sha256, request.body.standing, requireKey(request).id);
          await addRescore(trx, `standing:${uuid()}`, { alike: sha256 });
        });
        services.ringSoon();
        return viewCapture(await require(sha256));
      },
    );

    api.get(
      '/v1/captures',
      {
        config: { roles: readers },
        schema: {
          summary: 'Pictures of which people said something, by what they said',
          tags,
          querystring: z.strictObject({
            standing: CaptureStanding,
            limit: z.coerce.number().int().min(1).max(200).default(50),
            cursor: Sha256.optional(),
          }),
          response: {
            200: z.object({ captures: z.array(CaptureView), nextCursor: z.string().nullable() }),
            422: Problem,
          },
        },
      },
      async (request) => {
        const { standing, limit, cursor } = request.query;
        const found = await listByStanding(db, standing, limit + 1, cursor ?? null);
        const page = found.slice(0, limit);
        const next = found.length > limit ? (page.at(-1)?.sha256 ?? null) : null;
        return { captures: page.map(viewCapture), nextCursor: next };
      },
    );
  };
}
