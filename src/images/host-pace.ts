import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';

/** Keeps requests to one host apart, so that no shop or platform is pressed. */
export type HostPace = {
  /** Does the work when it is the host's turn. Rejects with the signal's reason where that comes first. */
  run<T>(host: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
};

/** Hosts remembered at a time, the latest; a host forgotten too early is only asked a little sooner. */
const rememberedHosts = 2_000;

/**
 * Paces each host for itself.
 *
 * @param options.perSecond requests begun per second and host, more than 0
 * @param options.atOnce requests under way per host, at least 1
 */
export function createHostPace(options: { perSecond: number; atOnce: number }): HostPace {
  const queues = new LRUCache<string, PQueue>({
    max: rememberedHosts,
    memoMethod: () =>
      new PQueue({
        concurrency: options.atOnce,
        interval: 1000 / options.perSecond,
        intervalCap: 1,
        strict: true,
      }),
  });
  return {
    run: (host, signal, work) => queues.memo(host).add(work, { signal }),
  };
}
