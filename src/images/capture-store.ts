import { openFolderCaptures } from './folder-captures.ts';

/** Keeps bytes under their SHA-256, for ever unchanged. */
export type CaptureStore = {
  /**
   * Stores bytes once; resolves when they are safe: fsynced with their folder, or acknowledged by S3.
   *
   * @returns SHA-256 as 64 hex digits
   * @throws CaptureAlteredError when something of another size lies in their place; it is left alone
   * @throws RangeError over 256 MiB
   * @throws AppError CAPTURES_FULL, or CAPTURES_UNAVAILABLE when the store cannot be written
   */
  put(bytes: Uint8Array): Promise<string>;
  /**
   * The bytes, checked against their hash.
   *
   * @throws CaptureMissingError
   * @throws CaptureAlteredError
   * @throws AppError CAPTURES_UNAVAILABLE when the store cannot be read
   */
  get(sha256: string): Promise<Uint8Array>;
  /**
   * What is wrong with a stored copy, or null. Its bytes are streamed, so memory does not grow with them.
   *
   * @throws AppError CAPTURES_UNAVAILABLE when the store cannot be read
   */
  check(sha256: string): Promise<'missing' | 'altered' | null>;
  /** Every SHA-256 stored, in no order, streamed. */
  list(): AsyncIterable<string>;
  close(): Promise<void>;
};

/** Where copies are kept. `endpoint` null is Amazon's own; `prefix` goes before every key and may be empty. */
export type CaptureStoreSettings =
  | { kind: 'folder'; folder: string }
  | {
      kind: 's3';
      endpoint: string | null;
      region: string;
      bucket: string;
      prefix: string;
      accessKeyId: string;
      secretAccessKey: string;
      /** `host/bucket/key` and not `bucket.host/key`: what most servers but Amazon's want. */
      pathStyle: boolean;
    };

/**
 * Opens the store of copies. A folder is made where it is missing; S3 is not asked anything yet, so that a
 * service starts while it is away.
 *
 * @throws AppError CAPTURES_UNAVAILABLE when the folder cannot be made
 */
export async function openCaptureStore(settings: CaptureStoreSettings): Promise<CaptureStore> {
  if (settings.kind === 'folder') return openFolderCaptures(settings.folder);
  // Loaded only where it is used: the library takes a tenth of a second and 30 MiB.
  const { openS3Captures } = await import('./s3-captures.ts');
  return openS3Captures(settings);
}
