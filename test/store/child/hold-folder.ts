import { lockFolder } from '../../../src/store/folder-lock.ts';

/** Holds a folder until it is killed; says so on standard output, or says why it could not. */
try {
  await lockFolder(process.argv[2] ?? '');
  process.stdout.write('held\n');
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
