import { createHmac, randomBytes } from 'node:crypto';

const secretPrefix = 'whsec_';

/** A new secret of 256 bits, as the Standard Webhooks specification writes them: `whsec_` and base64. */
export function newWebhookSecret(): string {
  return secretPrefix + randomBytes(32).toString('base64');
}

/**
 * The headers that let a receiver know a message by its secret (Standard Webhooks 1.0, scheme v1: HMAC-SHA256 of
 * `id.timestamp.body`). The id is the same in every try, so that a receiver can tell a repeated message.
 *
 * @param secret as newWebhookSecret makes it
 */
export function signWebhook(
  message: { id: string; body: string },
  secret: string,
  now: Date,
): { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string } {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
  const signature = createHmac('sha256', key).update(`${message.id}.${timestamp}.${message.body}`);
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature.digest('base64')}`,
  };
}
