import { sql } from 'kysely';
import type { Db } from './db.ts';

/** A row of a batch whose chunk was given up, and why. */
type GivenUpRow = { row: number; line: number; id: string | null; problem: string };

/** Longest reason that is shown, characters; a database's own words can be long. */
const longestReason = 300;

/** Rows as they wait in a chunk's payload; from before they had numbers, they have their line, below zero. */
const rowNumber = (row: string) => sql.raw(`coalesce((${row} ->> 'row')::int, -(${row} ->> 'line')::int)`);

/** How many rows of a batch were given up. The work ledger is the only record of them: taken up again, they are none. */
export async function countGivenUp(db: Db, batchIds: readonly string[]): Promise<Map<string, number>> {
  if (batchIds.length === 0) return new Map();
  const counts = await db
    .selectFrom('work')
    .where('batch_id', 'in', batchIds)
    .where('state', '=', 'failed')
    .groupBy('batch_id')
    .select(['batch_id', sql<number>`sum(json_array_length(payload -> 'rows'))::int`.as('rows')])
    .execute();
  return new Map(counts.flatMap(({ batch_id, rows }) => (batch_id === null ? [] : [[batch_id, rows]])));
}

/** A chunk that was given up, with its last row: chunks follow one another, so it tells where to go on. */
export type GivenUpChunk = { workId: string; last: number };

/** The chunks of a batch that were given up, in the order of their rows. */
export async function findGivenUpChunks(db: Db, batchId: string): Promise<GivenUpChunk[]> {
  const last = sql<number>`${rowNumber("(payload -> 'rows' -> -1)")}`;
  return await db
    .selectFrom('work')
    .where('batch_id', '=', batchId)
    .where('state', '=', 'failed')
    .orderBy(last)
    .select(['id as workId', last.as('last')])
    .execute();
}

/** The next rows after one, in order, from as many of the chunks as it takes. Texts stay in the database. */
export async function givenUpAfter(
  db: Db,
  chunks: readonly GivenUpChunk[],
  after: number,
  limit: number,
): Promise<GivenUpRow[]> {
  const found: GivenUpRow[] = [];
  for (const { workId, last } of chunks) {
    if (found.length >= limit) break;
    if (last > after) found.push(...(await rowsOfChunk(db, workId, after)));
  }
  return found.slice(0, limit);
}

async function rowsOfChunk(db: Db, workId: string, after: number): Promise<GivenUpRow[]> {
  const { rows } = await sql<GivenUpRow>`
    select ${rowNumber('item')} as row, (item ->> 'line')::int as line, item ->> 'id' as id,
      'given up after ' || attempts || case attempts when 1 then ' try: ' else ' tries: ' end
        || left(coalesce(error, 'no reason is known'), ${longestReason}::int) as problem
    from work cross join lateral json_array_elements(payload -> 'rows') as item
    where work.id = ${workId} and state = 'failed' and ${rowNumber('item')} > ${after}
    order by 1`.execute(db);
  return rows;
}
