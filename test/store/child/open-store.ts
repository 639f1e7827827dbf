import { openStore } from '../../../src/store/db.ts';

/** Opens a PostgreSQL store, which migrates it, and closes it again. */
const store = await openStore({ engine: 'postgres', url: process.argv[2] ?? '', poolSize: 2 });
await store.close();
