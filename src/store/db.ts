import { Kysely, PGliteDialect, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { AppError } from '../domain/app-error.ts';
import { openEmbedded } from './embedded.ts';
import { migrate } from './migrate.ts';
import type { Tables } from './schema.ts';

/** A handle for queries: the pool, or one transaction. */
export type Db = Kysely<Tables>;

/** The opened store, the record of everything. */
export type Store = {
  db: Db;
  /** `embedded` is PGlite in a folder with one connection; `postgres` is a server. */
  engine: 'embedded' | 'postgres';
  /** Rejects when the database does not answer. */
  check(): Promise<void>;
  /** Writes a snapshot of an embedded database; null on a server, which has its own backups. */
  snapshot(): Promise<string | null>;
  /** Connections to a server and queries that wait for one; null for an embedded database, which has a single one. */
  connections(): { busy: number; idle: number; most: number; waiting: number } | null;
  close(): Promise<void>;
};

export type StoreOptions =
  | {
      engine: 'embedded';
      folder: string;
      /** A dump of a data folder to begin a new database from. */
      image?: Blob;
    }
  | { engine: 'postgres'; url: string; poolSize: number };

/** Class and code of errors after which PostgreSQL promises that the same transaction may be tried again. */
const retryable = new Set(['40001', '40P01']);
const maxTries = 5;
/** As long as work is held without a sign of life. */
const longestIdleMs = 30_000;

/**
 * Opens the store and brings its tables up to date.
 *
 * @throws AppError FOLDER_IN_USE or DATABASE_UNREACHABLE
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const store = options.engine === 'embedded' ? await openEmbeddedStore(options) : openPostgresStore(options);
  try {
    await store.check();
    await migrate(store.db);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

async function openEmbeddedStore(options: Extract<StoreOptions, { engine: 'embedded' }>): Promise<Store> {
  const embedded = await openEmbedded(options.folder, options.image);
  const db: Db = new Kysely({ dialect: new PGliteDialect({ pglite: embedded.pglite }) });
  return {
    db,
    engine: 'embedded',
    check: () => ping(db),
    snapshot: () => embedded.snapshot(),
    connections: () => null,
    async close() {
      await db.destroy().finally(() => embedded.close());
    },
  };
}

function openPostgresStore(options: Extract<StoreOptions, { engine: 'postgres' }>): Store {
  const typeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    // count() is a number on both engines; biggest count here is far below 2^53.
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format === 'binary' ? 'text' : format);
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: 10_000,
    // What a process holds that was stopped in the middle of a transaction; ours never wait for anything but the database.
    idle_in_transaction_session_timeout: longestIdleMs,
    application_name: 'saring',
    types: { getTypeParser: typeParser },
  });
  // An idle connection that the server cut is replaced at the next query; without a listener it ends the process.
  pool.on('error', () => undefined);
  // So does one that is cut while it is lent out and no query runs on it; whoever has it hears of it at the next query.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db: Db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    engine: 'postgres',
    check: () => ping(db),
    snapshot: async () => null,
    connections: () => ({
      busy: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      most: options.poolSize,
      waiting: pool.waitingCount,
    }),
    close: () => db.destroy(),
  };
}

async function ping(db: Db): Promise<void> {
  try {
    await sql`select 1`.execute(db);
  } catch (cause) {
    throw new AppError(
      'DATABASE_UNREACHABLE',
      503,
      'the database does not answer; check DATABASE_URL and the server',
      { cause },
    );
  }
}

/**
 * Runs `work` in one transaction, again from the start when the database asks for that (deadlock or
 * serialisation). `work` must touch nothing but the database.
 */
export async function inTransaction<T>(db: Db, work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!retryable.has(code) || attempt >= maxTries) throw error;
    }
  }
}
