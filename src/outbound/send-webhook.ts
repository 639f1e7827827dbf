import { isIP } from 'node:net';
import { type AllowedAddress, createAddressRules, portOf } from './address-rules.ts';
import { forbidden, RequestError } from './request-error.ts';
import { createHostResolver, type HostResolver } from './resolve-host.ts';
import { retryAfterMsOf } from './retry-after.ts';
import { signWebhook } from './sign-webhook.ts';
import { readWebAddress } from './web-address.ts';
import { withConnection } from './with-connection.ts';

/** What one try to deliver a message came to. */
type SendingOutcome = {
  /** What the receiver answered; null where it gave no answer. */
  status: number | null;
  /** Why the message does not count as delivered, in plain words; null where it does. */
  problem: string | null;
  /** Whether the receiver never wants to hear of it, or must not be asked. */
  final: boolean;
  /** The soonest the receiver wants to be asked again, milliseconds from now; null where it said nothing. */
  retryAfterMs: number | null;
};

/** Sends signed messages to addresses that strangers named. */
export type WebhookSender = {
  /**
   * The address as it is kept and sent to.
   *
   * @throws RequestError address-forbidden, for words and literal addresses; names are looked up when they are asked
   */
  readAddress(text: string): string;
  /** Tries once. Only a fault of ours, or the signal, makes it throw. */
  send(
    message: { id: string; url: string; body: string; secret: string },
    signal: AbortSignal,
  ): Promise<SendingOutcome>;
};

/** Bounds of sending. */
type SendingOptions = {
  /** Addresses and ports to let through besides the public internet. */
  allowed: AllowedAddress[];
  /** Longest time of a try, from the look-up of the host to the answer's headers, milliseconds. */
  timeoutMs?: number;
  /** Finds the addresses of a host, which are checked whoever found them. */
  resolve?: HostResolver;
};

const usualTimeoutMs = 15_000;
const longestAddress = 2_000;
/** Of an answer only its status counts; so much of the rest is read that the connection can end politely. */
const readOfAnswer = 16_384;

/** A sender under the same rules as pictures are fetched by: checked and pinned addresses, no redirects, bounded time. */
export function createWebhookSender(options: SendingOptions): WebhookSender {
  const { timeoutMs = usualTimeoutMs, resolve = createHostResolver() } = options;
  const rules = createAddressRules(options.allowed);
  const bounds = { rules, resolve, idleMs: timeoutMs };

  function readAddress(text: string): URL {
    if (text.length > longestAddress)
      throw forbidden(`the address is longer than ${longestAddress} characters`);
    const url = readWebAddress(text, rules);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !rules.permits(host, url.protocol, portOf(url)))
      throw forbidden(`${host} is no public address of the internet`);
    return url;
  }

  async function post(
    { url: address, ...message }: Parameters<WebhookSender['send']>[0],
    signal: AbortSignal,
  ): Promise<SendingOutcome> {
    const url = readAddress(address);
    return await withConnection(url, bounds, signal, async (client) => {
      const { statusCode, headers, body } = await client.request({
        method: 'POST',
        path: url.pathname + url.search,
        headers: {
          'user-agent': 'saring (tells of the end of a batch)',
          'content-type': 'application/json',
          ...signWebhook(message, message.secret, new Date()),
        },
        body: message.body,
        signal,
      });
      body.on('error', () => {});
      const wait = headers['retry-after'];
      const outcome = outcomeOf(statusCode, (Array.isArray(wait) ? wait[0] : wait) ?? null);
      // The receiver has answered, however the rest of its answer ends.
      await body.dump({ limit: readOfAnswer }).catch(() => undefined);
      return outcome;
    });
  }

  return {
    readAddress: (text) => readAddress(text).href,
    async send(message, signal) {
      const late = new RequestError('timed-out', 'the receiver took too long to answer', { passing: true });
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(late), timeoutMs);
      try {
        return await post(message, AbortSignal.any([signal, limit.signal]));
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RequestError)) throw error;
        const { message: problem } = error;
        return { status: null, problem, final: error.problem === 'address-forbidden', retryAfterMs: null };
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function outcomeOf(status: number, retryAfter: string | null): SendingOutcome {
  const outcome = { status, final: false, retryAfterMs: retryAfterMsOf(retryAfter) };
  if (status >= 200 && status < 300) return { ...outcome, problem: null };
  if (status === 410)
    return { ...outcome, final: true, problem: 'the receiver wants no more messages here (410)' };
  if (status >= 300 && status < 400)
    return {
      ...outcome,
      problem: `the receiver sends on to another address (${status}), which is not followed`,
    };
  return { ...outcome, problem: `the receiver did not take the message (${status})` };
}
