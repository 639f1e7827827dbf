import { query } from '../night/servers.ts';

/** Bytes of a table on disk. */
export type TableSize = { name: string; heap: number; indexes: number; toast: number };

/** Tables with anything in them, largest first. */
export async function readTableSizes(databaseUrl: string): Promise<TableSize[]> {
  return await query<TableSize>(
    databaseUrl,
    `select relname as name, pg_relation_size(oid)::float8 as heap, pg_indexes_size(oid)::float8 as indexes,
       coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0)::float8 as toast
     from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace and pg_relation_size(oid) > 0
     order by pg_total_relation_size(oid) desc`,
  );
}

/** Bytes of each index, largest first. */
export async function readIndexSizes(
  databaseUrl: string,
): Promise<{ name: string; table: string; bytes: number; scans: number }[]> {
  return await query<{ name: string; table: string; bytes: number; scans: number }>(
    databaseUrl,
    `select indexrelname as name, relname as table, pg_relation_size(indexrelid)::float8 as bytes,
       idx_scan::float8 as scans
     from pg_stat_user_indexes where schemaname = 'public' order by bytes desc`,
  );
}
