import { request } from 'undici';

/**
 * How long the service's event loop kept its timers waiting since this was last asked, in a sentence. The loop's timer is
 * due every 10 ms and that is in the figures.
 */
export async function readLoopDelay(address: string): Promise<string> {
  const { body } = await request(`${address}/metrics`);
  const page = await body.text();
  const figure = (name: string) => {
    const [, seconds = 'NaN'] =
      new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)`, 'm').exec(page) ?? [];
    return (Number(seconds) * 1_000).toFixed(0);
  };
  return `The service's event loop came round every ${figure('p50')} ms (p50), ${figure('p99')} (p99), ${figure('max')} at most, of 10 that are wanted.`;
}
