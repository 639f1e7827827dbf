/** Does something soon after being asked, and once for all who ask in the meantime. */
export type Soon = { ask(): void; close(): Promise<void> };

const afterMs = 100;

/** @param onError hears of what fails; the next time it is tried again */
export function createSoon(act: () => Promise<void>, onError: (error: unknown) => void): Soon {
  let timer: NodeJS.Timeout | null = null;
  let acting: Promise<void> | null = null;
  let closed = false;
  return {
    ask() {
      if (timer !== null || closed) return;
      timer = setTimeout(() => {
        timer = null;
        acting = (acting ?? Promise.resolve()).then(act).catch(onError);
      }, afterMs);
      timer.unref();
    },
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await acting;
    },
  };
}
