/** No copy is stored under this SHA-256. */
export class CaptureMissingError extends Error {
  override name = 'CaptureMissingError';
  readonly sha256: string;

  constructor(sha256: string) {
    super(`no copy of ${sha256} is stored: put it back from a backup`);
    this.sha256 = sha256;
  }
}

/** What is stored under this SHA-256 has another, so it is evidence of nothing. */
export class CaptureAlteredError extends Error {
  override name = 'CaptureAlteredError';
  readonly sha256: string;

  constructor(sha256: string) {
    super(`the copy stored as ${sha256} was altered: replace it from a backup`);
    this.sha256 = sha256;
  }
}
