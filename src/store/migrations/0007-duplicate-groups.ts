import { type Kysely, sql } from 'kysely';

const statements = [
  `create table duplicate_group (
    id uuid constraint duplicate_group_pk primary key,
    number bigint generated always as identity constraint duplicate_group_number_unique unique,
    exact bigint not null constraint duplicate_group_exact_unique unique,
    band_1 bigint not null,
    band_2 bigint not null,
    band_3 bigint not null,
    band_4 bigint not null,
    band_5 bigint not null,
    sketch bytea not null,
    created_at timestamptz not null default now()
  )`,
  'create index duplicate_group_band_1 on duplicate_group (band_1)',
  'create index duplicate_group_band_2 on duplicate_group (band_2)',
  'create index duplicate_group_band_3 on duplicate_group (band_3)',
  'create index duplicate_group_band_4 on duplicate_group (band_4)',
  'create index duplicate_group_band_5 on duplicate_group (band_5)',
  'alter table listing add column duplicate_group_id uuid',
  `alter table review
    add column duplicate_group_id uuid,
    add column behind boolean not null default false,
    add constraint review_behind_whole check (not behind or (state = 'waiting' and duplicate_group_id is not null))`,
  'drop index review_waiting',
  `create index review_waiting on review (priority desc, id) where state = 'waiting' and not behind`,
  `create unique index review_front on review (duplicate_group_id) where state = 'waiting' and not behind`,
  'create index review_behind on review (duplicate_group_id, priority desc, id) where behind',
  `create index review_group_decided on review (duplicate_group_id, id)
    where state = 'decided' and duplicate_group_id is not null`,
  'alter table decision add column call_id uuid',
  'update decision set call_id = id',
  'alter table decision alter column call_id set not null',
  'create index decision_call on decision (call_id)',
];

/**
 * Groups of near-duplicate texts, each known by its first text; of a group's waiting reviews one stands in front, and one
 * call may decide many. No foreign key leads to them: groups are never deleted,
 * an id is given out only once its row is committed, and the key's check would lock one row for every copy of a popular
 * text, in every process at once. Nor is there an index of listings by group: nothing looks them up by it, since a group's
 * reviews have their own.
 */
export const duplicateGroups = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
