/**
 * Fetches the address given as its first argument, with the port given second let through at 127.0.0.2, and prints
 * what came of it and the most memory that this process ever had, MiB.
 */
import { readFileSync } from 'node:fs';
import { createPictureFetcher } from '../../../src/images/fetch-picture.ts';
import { PictureError } from '../../../src/images/picture-error.ts';

const [address = '', port = ''] = process.argv.slice(2);
const fetcher = createPictureFetcher({ allowed: [{ network: '127.0.0.2', ports: [Number(port)] }] });
const outcome = await fetcher.fetch(address).then(
  ({ mediaType }) => mediaType,
  (error: unknown) => {
    if (error instanceof PictureError) return error.problem;
    throw error;
  },
);
await fetcher.close();
const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
process.stdout.write(JSON.stringify({ outcome, peakMiB: Number(peak) / 1024 }));
