import { type RawBuilder, sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import { bandCount, type Fingerprint, leastResemblance, resemblance } from '../domain/fingerprint.ts';
import { type Db, inTransaction } from './db.ts';

/** First texts of groups that are compared with a text for each of its bands, so that nobody can make that many. */
const candidatesPerBand = 16;
/** More groups than these made by others in the meantime are looked up rather than read. */
const mostRead = 2_000;
/** Longer than a busy process ever pauses between two statements. */
const longestPauseMs = 10_000;
/** One name for "somebody adds groups", among all advisory locks of this database. */
const addingGroups = 0x64757065;

/** A group's first text: the only one that others are compared with. */
type Leader = { id: string; sketch: Uint32Array };

/**
 * The groups of texts, new ones made where no first text of a group is alike enough: of several the most alike, of
 * equally alike ones the oldest. The result has the order of `fingerprints`, with null where there is none.
 *
 * New groups are written in a transaction of their own, one process at a time, and not waited for: the commit that
 * stores a listing with such an id flushes them, too. A group that nothing was stored with does no harm, since its
 * text will find it again. So call this before, and never inside, the transaction that stores.
 */
export async function findOrMakeGroups(
  db: Db,
  fingerprints: readonly (Fingerprint | null)[],
): Promise<(string | null)[]> {
  const distinct = new Map(fingerprints.flatMap((print) => (print === null ? [] : [[print.exact, print]])));
  const groups = new Map<bigint, string>();
  const seen = await lookUp(db, [...distinct.values()], groups);
  const missing = () => [...distinct.values()].filter(({ exact }) => !groups.has(exact));
  if (missing().length > 0) {
    await inTransaction(db, async (trx) => {
      await lockGroupMaking(trx);
      const recent = await readSince(trx, seen);
      if (recent === null) await lookUp(trx, missing(), groups);
      await insertGroups(trx, lead(missing(), recent ?? [], groups));
    });
  }
  return fingerprints.map((print) => (print === null ? null : (groups.get(print.exact) ?? null)));
}

/** A process that stops short while it has the lock loses its connection, so that the others need not wait for it. */
async function lockGroupMaking(trx: Db): Promise<void> {
  await sql`
    select set_config('synchronous_commit', 'off', true),
      set_config('idle_in_transaction_session_timeout', ${`${longestPauseMs}ms`}, true),
      pg_advisory_xact_lock(${addingGroups})
  `.execute(trx);
}

/** Fills in the groups that stand in the table. Answers the number of the newest group that was surely looked at. */
async function lookUp(db: Db, prints: readonly Fingerprint[], groups: Map<bigint, string>): Promise<number> {
  if (prints.length === 0) return 0;
  const { rows: exact } = await sql<{ place: number; id: string | null; newest: number }>`
    select wanted.place::int as place, duplicate_group.id, newest.number as newest
    from unnest(${array(prints.map((print) => print.exact))}::bigint[]) with ordinality as wanted (exact, place)
    left join duplicate_group on duplicate_group.exact = wanted.exact
    cross join (select coalesce(max(number), 0) as number from duplicate_group) as newest
  `.execute(db);
  for (const { place, id } of exact) {
    const print = prints[place - 1];
    if (print !== undefined && id !== null) groups.set(print.exact, id);
  }
  const unknown = prints.filter((print) => !groups.has(print.exact));
  for (const [print, leaders] of await findCandidates(db, unknown)) {
    const id = mostAlike(print, leaders);
    if (id !== null) groups.set(print.exact, id);
  }
  return exact[0]?.newest ?? 0;
}

/** First texts that share a band with each, oldest first. Where too many do, the index gives the oldest of them. */
async function findCandidates(
  db: Db,
  prints: readonly Fingerprint[],
): Promise<Map<Fingerprint, readonly Leader[]>> {
  if (prints.length === 0) return new Map();
  const { rows } = await sql<{ place: number; id: string; sketch: string }>`
    select wanted.place::int as place, leader.id, encode(leader.sketch, 'base64') as sketch
    from unnest(${bandArrays(prints)}) with ordinality
      as wanted (band_1, band_2, band_3, band_4, band_5, place)
    cross join lateral (${sql.join(bandNumbers.map(sharingBand), sql` union `)}) as shared
    join duplicate_group as leader on leader.number = shared.number
    order by leader.number
  `.execute(db);
  const found = new Map<Fingerprint, Leader[]>();
  for (const { place, id, sketch } of rows) {
    const print = prints[place - 1];
    if (print === undefined) continue;
    const leaders = found.get(print) ?? [];
    leaders.push({ id, sketch: sketchOf(sketch) });
    found.set(print, leaders);
  }
  return found;
}

const bandNumbers = Array.from({ length: bandCount }, (_, index) => index + 1);

function sharingBand(band: number): RawBuilder<unknown> {
  const column = sql.ref(`band_${band}`);
  return sql`(select number from duplicate_group where ${column} = wanted.${column} limit ${candidatesPerBand})`;
}

type GroupRow = { id: string; exact: bigint; bands: readonly bigint[]; sketch: Uint32Array };

/** The groups that were made after the one of this number; null when they are too many to read. */
async function readSince(trx: Db, number: number): Promise<GroupRow[] | null> {
  const { rows } = await sql<{ id: string; exact: string; bands: string; sketch: string }>`
    select id, exact::text as exact, encode(sketch, 'base64') as sketch,
      concat_ws(' ', band_1, band_2, band_3, band_4, band_5) as bands
    from duplicate_group where number > ${number} order by number limit ${mostRead + 1}
  `.execute(trx);
  if (rows.length > mostRead) return null;
  return rows.map(({ id, exact, bands, sketch }) => ({
    id,
    exact: BigInt(exact),
    bands: bands.split(' ').map(BigInt),
    sketch: sketchOf(sketch),
  }));
}

/** Gives each text the group it is alike to among the recent ones and those that it makes, which are the result. */
function lead(
  prints: readonly Fingerprint[],
  recent: readonly GroupRow[],
  groups: Map<bigint, string>,
): GroupRow[] {
  const byExact = new Map<bigint, string>();
  const byBand = bandNumbers.map(() => new Map<bigint, GroupRow[]>());
  const made: GroupRow[] = [];
  const remember = (row: GroupRow) => {
    byExact.set(row.exact, row.id);
    for (const [index, band] of row.bands.entries()) {
      const sharing = byBand[index]?.get(band) ?? [];
      if (sharing.length < candidatesPerBand) sharing.push(row);
      byBand[index]?.set(band, sharing);
    }
  };
  recent.forEach(remember);
  for (const print of prints) {
    const sharing = new Set(print.bands.flatMap((band, index) => byBand[index]?.get(band) ?? []));
    const known = byExact.get(print.exact) ?? mostAlike(print, [...sharing]);
    if (known !== null) {
      groups.set(print.exact, known);
      continue;
    }
    const row = { id: uuid(), ...print };
    groups.set(print.exact, row.id);
    made.push(row);
    remember(row);
  }
  return made;
}

function mostAlike({ sketch }: Fingerprint, leaders: readonly Leader[]): string | null {
  let best: string | null = null;
  let most = leastResemblance;
  for (const leader of leaders) {
    const alike = resemblance(sketch, leader.sketch);
    if (alike < most || (alike === most && best !== null)) continue;
    most = alike;
    best = leader.id;
  }
  return best;
}

async function insertGroups(trx: Db, rows: readonly GroupRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql`
    insert into duplicate_group (id, exact, band_1, band_2, band_3, band_4, band_5, sketch)
    select id, exact, band_1, band_2, band_3, band_4, band_5, decode(sketch, 'base64')
    from unnest(
      ${array(rows.map(({ id }) => id))}::uuid[],
      ${array(rows.map(({ exact }) => exact))}::bigint[],
      ${bandArrays(rows)},
      ${array(rows.map(({ sketch }) => base64Of(sketch)))}::text[]
    ) as fresh (id, exact, band_1, band_2, band_3, band_4, band_5, sketch)
  `.execute(trx);
}

function bandArrays(prints: readonly { bands: readonly bigint[] }[]): RawBuilder<unknown> {
  const arrays = bandNumbers.map(
    (band) => sql`${array(prints.map(({ bands }) => bands[band - 1] ?? 0n))}::bigint[]`,
  );
  return sql.join(arrays);
}

/** A list of ids, numbers or base64 as both engines take it: as PostgreSQL writes an array. */
function array(values: readonly (string | bigint)[]): string {
  return `{${values.join(',')}}`;
}

function base64Of(sketch: Uint32Array): string {
  return Buffer.from(sketch.buffer, sketch.byteOffset, sketch.byteLength).toString('base64');
}

function sketchOf(base64: string): Uint32Array {
  // A copy: the bytes of a small Buffer do not begin where numbers may.
  return new Uint32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}
