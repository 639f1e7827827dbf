/** The kinds of background work, each with a line of its own. */
export const lanes = ['assess', 'capture', 'read', 'rescore', 'webhook', 'upkeep'] as const;
export type Lane = (typeof lanes)[number];

/** One value for each lane. */
export function byLane<T>(make: (lane: Lane) => T): Record<Lane, T> {
  return {
    assess: make('assess'),
    capture: make('capture'),
    read: make('read'),
    rescore: make('rescore'),
    webhook: make('webhook'),
    upkeep: make('upkeep'),
  };
}

/** Whether a word from the database names a lane of this version. */
export function isLane(word: string): word is Lane {
  return lanes.some((lane) => lane === word);
}

/**
 * Says that work of a lane waits. Which is taken is the ledger's to say; `workId`, a UUID (BullMQ refuses plain numbers and
 * colons), only keeps the same bell from hanging there twice.
 */
export type Bell = { lane: Lane; workId: string };

/** How many bells of a lane are answered at a time. */
export type Concurrency = {
  /** Of most lanes, */
  concurrency: number;
  /** and of those that want more, since they mostly wait, or fewer, since they take all there is. */
  ofLane?: Partial<Record<Lane, number>>;
};

/** Does what a bell asks for; it must be idempotent, since a bell may ring twice. */
export type BellHandler = (bell: Bell, signal: AbortSignal) => Promise<void>;

/**
 * A bell, not a record: everything it says stands in the database, so a queue may lose all it holds and the
 * reconciler rings again.
 */
export type JobQueue = {
  /**
   * Rings. Twice for one `workId` is harmless.
   *
   * @throws AppError QUEUE_UNREACHABLE; the caller may go on, since the work is written down
   */
  ring(bells: readonly Bell[]): Promise<void>;
  /** Starts to take bells, so many of a lane at a time. Resolves when listening. */
  listen(handler: BellHandler, options: Concurrency): Promise<void>;
  /** Bells not yet answered, by lane. */
  depth(): Promise<Record<Lane, number>>;
  /** Rejects when the queue cannot be reached. */
  check(): Promise<void>;
  /**
   * Takes no new bell and waits for those in hand, whether or not Redis can be reached. A handler that ignores its
   * signal is waited for all the same, since what it uses must not be closed under it.
   *
   * @param options.graceMs after this many milliseconds the handlers' signal is aborted; default 30,000
   */
  close(options?: { graceMs?: number }): Promise<void>;
};

/** Time that handlers get to end by themselves, milliseconds. */
export const standardGraceMs = 30_000;
