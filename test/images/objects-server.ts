import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

export const testKeys = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' };

/** A request that arrived, its signature and the hash of its body found right. */
export type SignedRequest = {
  method: string;
  key: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
};

const sha256 = (data: string | Buffer) => createHash('sha256').update(data);
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Whether a request is signed as Amazon's Signature Version 4 wants it, worked out from its specification. */
function isSigned({ method = '', url = '', headers }: IncomingMessage, body: Buffer): boolean {
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(\w{64})$/.exec(
      headers.authorization ?? '',
    );
  const [, id, day = '', region = '', names = '', signature] = found ?? [];
  const bodyHash = sha256(body).digest('hex');
  if (id !== testKeys.accessKeyId || headers['x-amz-content-sha256'] !== bodyHash) return false;
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    ...[method, path, query.split('&').sort().join('&')],
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    ...['', names, bodyHash],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical).digest('hex')].join('\n');
  const key = [region, 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${testKeys.secretAccessKey}`, day));
  return hmac(key, text).toString('hex') === signature;
}

function refuse(answer: ServerResponse, status: number, code: string): void {
  answer.writeHead(status, { 'content-type': 'application/xml' });
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>said ${code}</Message></Error>`);
}

/**
 * Puts and gets objects as the documents of S3 say, refusing what is not signed. It is no S3, and shows only what
 * this side sends and how it takes an answer; what it keeps can be seen and changed.
 *
 * @param options.interfere answers in its stead where it returns true
 */
export async function startObjectsServer(
  options: { interfere?: (request: SignedRequest, answer: ServerResponse) => boolean } = {},
) {
  const objects = new Map<string, Buffer>();
  const requests: SignedRequest[] = [];
  const server = createServer(async (incoming, answer) => {
    const body = Buffer.concat(await Array.fromAsync(incoming));
    if (!isSigned(incoming, body)) return refuse(answer, 403, 'SignatureDoesNotMatch');
    const { method = '', url = '', headers } = incoming;
    const key = decodeURIComponent(url.split('?')[0] ?? '');
    const request = { method, key, headers, body };
    requests.push(request);
    if (options.interfere?.(request, answer)) return;
    const object = objects.get(key);
    if (method === 'PUT') {
      const sum = headers['x-amz-checksum-sha256'];
      if (sum !== sha256(body).digest('base64')) return refuse(answer, 400, 'BadDigest');
      if (headers['if-none-match'] === '*' && object !== undefined)
        return refuse(answer, 412, 'PreconditionFailed');
      objects.set(key, body);
      answer.end();
    } else if (object === undefined) refuse(answer, 404, 'NoSuchKey');
    else answer.setHeader('content-length', object.length).end(method === 'HEAD' ? '' : object);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return { endpoint: `http://127.0.0.1:${address.port}`, objects, requests, refuse };
}
