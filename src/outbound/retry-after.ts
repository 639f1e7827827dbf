/** Longest wait that a server's Retry-After is believed, milliseconds: a day. */
const longestWaitMs = 86_400_000;

/** How long a server wants to be left alone, milliseconds: Retry-After is seconds or a date (RFC 9110 section 10.2.3). */
export function retryAfterMsOf(value: string | null): number | null {
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), longestWaitMs);
}
