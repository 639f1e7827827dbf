/** What can go wrong on the way to a stranger's server, whatever is asked of it. */
type RequestProblem = 'address-forbidden' | 'host-unknown' | 'unreachable' | 'timed-out' | 'server-failed';

/** Why a server could not be asked, in plain words that may be shown to whoever named its address. */
export class RequestError extends Error {
  override name = 'RequestError';
  readonly problem: RequestProblem;
  /** Whether it may pass by itself, so that trying again makes sense. */
  readonly passing: boolean;

  constructor(problem: RequestProblem, message: string, options: { passing: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.problem = problem;
    this.passing = options.passing;
  }
}

/** The error for an address that must not be asked. */
export function forbidden(reason: string): RequestError {
  return new RequestError('address-forbidden', reason, { passing: false });
}
