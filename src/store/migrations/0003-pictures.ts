import { type Kysely, sql } from 'kysely';

const statements = [
  `create table capture (
    sha256 text constraint capture_pk primary key constraint capture_sha256_form check (sha256 ~ '^[0-9a-f]{64}$'),
    media_type text not null,
    bytes integer not null,
    width integer not null,
    height integer not null,
    hash text,
    unframed text,
    turned jsonb not null default '[]',
    quality integer,
    text text,
    text_confidence double precision,
    text_problem text,
    standing text constraint capture_standing_known check (standing in ('banked', 'harmless', 'off')),
    standing_by uuid constraint capture_standing_key references api_key,
    standing_at timestamptz,
    created_at timestamptz not null default now()
  )`,
  'create index capture_age on capture (created_at, sha256)',
  'create index capture_standing on capture (standing, sha256) where standing is not null',
  `create table picture (
    id uuid constraint picture_pk primary key,
    listing_id uuid not null constraint picture_listing references listing on delete cascade,
    url text not null,
    state text not null constraint picture_state_known check (state in ('waiting', 'captured', 'failed')),
    sha256 text constraint picture_capture references capture,
    problem text,
    problem_detail text,
    final_url text,
    status integer,
    headers jsonb not null default '{}',
    fetched_at timestamptz,
    created_at timestamptz not null default now(),
    constraint picture_url_unique unique (listing_id, url),
    constraint picture_captured_whole check ((state = 'captured') = (sha256 is not null)),
    constraint picture_failed_whole check ((state = 'failed') = (problem is not null))
  )`,
  'create index picture_sha256 on picture (sha256, listing_id)',
  'drop index work_pending',
  `create index work_pending on work (lane, due_at) where state = 'pending'`,
  `alter table assessment
    add column captures jsonb not null default '[]',
    add column picture_matches jsonb not null default '[]'`,
];

/**
 * Pictures of listings, their frozen copies, and what matches among them did to an assessment. They make so much work
 * that waiting work is found by its lane.
 */
export const pictures = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
