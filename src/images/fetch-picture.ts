import { type AllowedAddress, createAddressRules } from '../outbound/address-rules.ts';
import { createHostResolver, type HostResolver } from '../outbound/resolve-host.ts';
import { readDataUrl } from './data-url.ts';
import { createHostPace } from './host-pace.ts';
import { inspectPicture, type PictureMediaType } from './inspect-picture.ts';
import { readPictureAddress } from './picture-address.ts';
import { PictureError } from './picture-error.ts';
import { type PictureAnswer, requestPicture } from './request-picture.ts';

/** Fetches pictures from addresses that strangers wrote. */
export type PictureFetcher = {
  /**
   * The picture at an http, https or data address. It is asked for once: trying again is the caller's, as `passing`
   * and `retryAfterMs` of the error say.
   *
   * @throws PictureError, or the signal's reason
   */
  fetch(url: string, signal?: AbortSignal): Promise<FetchedPicture>;
  /** Ends what is under way; nothing is fetched after it. */
  close(): Promise<void>;
};

/** A picture as it came, not yet decoded. */
export type FetchedPicture = {
  /** At most `maxBytes`. */
  bytes: Uint8Array;
  /** By the first bytes of the file, never by a header of the answer. */
  mediaType: PictureMediaType;
  /** Pixels of the first frame, as the file's header says. */
  width: number;
  height: number;
  /** Where it was found after redirects; null for a data address. */
  finalUrl: string | null;
  status: number | null;
  /** Of the answer: content-type, content-length, last-modified, etag, date, server, cache-control. */
  headers: Record<string, string>;
  fetchedAt: Date;
};

/** Bounds of fetching. */
export type FetchOptions = {
  /** Addresses and ports to let through besides the public internet. */
  allowed: AllowedAddress[];
  /** Longest file, bytes. */
  maxBytes: number;
  /** Most pixels of a frame, width times height. */
  maxPixels: number;
  maxRedirects: number;
  /** Longest time for a picture with all its redirects, milliseconds; waiting for the host's turn not counted. */
  timeoutMs: number;
  /** Longest silence of a server, milliseconds. */
  idleMs: number;
  /** Requests begun per second and host. */
  perHostPerSecond: number;
  /** Requests under way per host. */
  perHostAtOnce: number;
  /** Finds the addresses of a host, which are checked whoever found them. */
  resolve?: HostResolver;
  userAgent: string;
};

const usual: FetchOptions = {
  allowed: [],
  maxBytes: 15_000_000,
  maxPixels: 50_000_000,
  maxRedirects: 5,
  timeoutMs: 20_000,
  idleMs: 5_000,
  perHostPerSecond: 2,
  perHostAtOnce: 2,
  userAgent: 'saring/0.1 (checks listings for second-hand imports)',
};

/** Makes a fetcher; options left out have their usual values. */
export function createPictureFetcher(options: Partial<FetchOptions> = {}): PictureFetcher {
  const bounds = { ...usual, resolve: createHostResolver(), ...options };
  const rules = createAddressRules(bounds.allowed);
  const pace = createHostPace({ perSecond: bounds.perHostPerSecond, atOnce: bounds.perHostAtOnce });
  const running = new Set<AbortController>();
  let closed = false;

  async function fetchPicture(address: string, signal: AbortSignal): Promise<FetchedPicture> {
    let url = readPictureAddress(address, rules);
    if (url.protocol === 'data:')
      return finish(await readDataUrl(url, bounds.maxBytes), { finalUrl: null, status: null, headers: {} });
    let leftMs = bounds.timeoutMs;
    for (let hops = 0; hops <= bounds.maxRedirects; hops++) {
      const here = url;
      const answer = await pace.run(here.host, signal, async () => {
        const begun = performance.now();
        const given = await within(leftMs, signal, (limit) =>
          requestPicture(here, { ...bounds, rules }, limit),
        );
        leftMs -= performance.now() - begun;
        return given;
      });
      if (answer.location === null) return finish(answer.bytes, { ...answer, finalUrl: here.href });
      url = readPictureAddress(answer.location, rules, here);
    }
    throw new PictureError(
      'too-many-redirects',
      `the address leads on more than ${bounds.maxRedirects} times`,
      {
        passing: false,
      },
    );
  }

  async function finish(
    bytes: Uint8Array,
    { finalUrl, status, headers }: Pick<FetchedPicture, 'finalUrl' | 'status' | 'headers'>,
  ): Promise<FetchedPicture> {
    const fetchedAt = new Date();
    return {
      bytes,
      ...(await inspectPicture(bytes, bounds.maxPixels)),
      finalUrl,
      status,
      headers,
      fetchedAt,
    };
  }

  return {
    async fetch(url, signal) {
      if (closed) throw new Error('the fetcher is closed');
      const controller = new AbortController();
      const stop = () => controller.abort(signal?.reason);
      signal?.throwIfAborted();
      signal?.addEventListener('abort', stop);
      running.add(controller);
      try {
        return await fetchPicture(url, controller.signal);
      } finally {
        running.delete(controller);
        signal?.removeEventListener('abort', stop);
      }
    },
    async close() {
      closed = true;
      for (const controller of running) controller.abort(new Error('the fetcher was closed'));
    },
  };
}

/** Lets the work take so long and no longer. */
async function within(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<PictureAnswer>,
): Promise<PictureAnswer> {
  const controller = new AbortController();
  const late = new PictureError('timed-out', 'the picture took too long to come', { passing: true });
  const timer = setTimeout(() => controller.abort(late), Math.max(0, ms));
  const stop = () => controller.abort(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
