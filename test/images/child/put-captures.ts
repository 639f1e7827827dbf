import { openCaptureStore } from '../../../src/images/capture-store.ts';

/** Puts as many copies as it is told into a folder, and says the SHA-256 of each once it is safe. */
const [folder = '', name = '', count = '0'] = process.argv.slice(2);
const store = await openCaptureStore({ kind: 'folder', folder });
for (let number = 0; number < Number(count); number += 1) {
  const bytes = Buffer.alloc(1 + ((number * 7919) % 200_000), `${name} ${number} `);
  process.stdout.write(`${await store.put(bytes)}\n`);
}
await store.close();
