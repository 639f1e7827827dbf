import { RequestError } from '../outbound/request-error.ts';

/** What can be wrong with a picture, as it is stored and shown; each has one plain sentence beside it. */
export type PictureProblem =
  | 'address-forbidden'
  | 'host-unknown'
  | 'unreachable'
  | 'timed-out'
  | 'refused'
  | 'server-failed'
  | 'too-many-redirects'
  | 'too-large'
  | 'too-many-pixels'
  | 'not-a-picture'
  | 'damaged'
  | 'reading-failed'
  | 'not-kept';

/** Why a picture could not be had, read or hashed. */
export class PictureError extends Error {
  override name = 'PictureError';
  readonly problem: PictureProblem;
  /** Whether it may pass by itself, so that trying again makes sense. */
  readonly passing: boolean;
  /** The soonest the other side wants to be asked again, milliseconds from now; null where it said nothing. */
  readonly retryAfterMs: number | null;

  constructor(
    problem: PictureProblem,
    message: string,
    options: { passing: boolean; retryAfterMs?: number | null; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.problem = problem;
    this.passing = options.passing;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** What went wrong on the way to the picture's server, as the picture's problem; everything else as it is. */
export function asPictureError(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  const { problem, message, passing } = error;
  return new PictureError(problem, message, { passing, cause: error.cause });
}
