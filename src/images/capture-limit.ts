/** Many times the largest picture that is fetched; without a bound, a grown file would fill its reader's memory. */
export const largestCaptureBytes = 256 * 1024 * 1024;
