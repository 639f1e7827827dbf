import { RequestError } from '../outbound/request-error.ts';
import type { WebhookSender } from '../outbound/send-webhook.ts';
import { invalidInput } from './validate.ts';

/**
 * A webhook's address as a request names it, in the form in which it is kept.
 *
 * @param field the field that a refusal names
 * @throws AppError INPUT_INVALID
 */
export function requireWebhookAddress(sender: WebhookSender, text: string, field: string): string {
  try {
    return sender.readAddress(text);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw invalidInput([{ field, message: `must be an address that may be asked: ${error.message}` }]);
  }
}
