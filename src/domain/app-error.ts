/** One field of an input that was refused, and what to do about it. */
export type FieldIssue = {
  /** Path of the field as the caller wrote it, such as `imageUrls[3]`; empty for the whole input. */
  field: string;
  /** What is wrong and how to put it right, one plain sentence. */
  message: string;
};

/**
 * An expected failure that a caller can act on. Everything else that is thrown is a fault of ours and is
 * answered without detail.
 */
export class AppError extends Error {
  /** Stable machine name, such as `LISTING_NOT_FOUND`. */
  readonly code: string;
  /** HTTP status that the API answers with. */
  readonly status: number;
  /** Fields at fault, where there are any. */
  readonly issues: readonly FieldIssue[];
  /** When trying again may help, seconds from now; null where nobody knows. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: string,
    status: number,
    message: string,
    options: { cause?: unknown; issues?: readonly FieldIssue[]; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.status = status;
    this.issues = options.issues ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
