import { type Kysely, sql } from 'kysely';

const statements = [
  `create table api_key (
    id uuid constraint api_key_pk primary key,
    name text not null constraint api_key_name_unique unique,
    role text not null constraint api_key_role_known check (role in ('analyst', 'batch', 'reviewer', 'admin')),
    hash text not null constraint api_key_hash_unique unique,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
  )`,
  `create table listing (
    id uuid constraint listing_pk primary key,
    platform text not null,
    post_id text,
    url text,
    seller text,
    text text not null,
    image_urls jsonb not null,
    posted_at timestamptz,
    revision integer not null,
    assessment_id uuid,
    verdict text constraint listing_verdict_known check (verdict in ('flag', 'watch', 'clear')),
    probability double precision,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint listing_post_unique unique (platform, post_id)
  )`,
  'create index listing_verdict on listing (verdict, id)',
  'create index listing_seller on listing (seller, id)',
  `create table listing_revision (
    listing_id uuid not null constraint listing_revision_listing references listing on delete cascade,
    revision integer not null,
    text text not null,
    image_urls jsonb not null,
    replaced_at timestamptz not null default now(),
    constraint listing_revision_pk primary key (listing_id, revision)
  )`,
  `create table assessment (
    id uuid constraint assessment_pk primary key,
    listing_id uuid not null constraint assessment_listing references listing on delete cascade,
    revision integer not null,
    model_version text not null,
    policy_version text not null,
    probability double precision not null,
    clothing double precision not null,
    used double precision not null,
    imported double precision not null,
    offered double precision not null,
    bulk double precision not null,
    spans jsonb not null,
    verdict text not null constraint assessment_verdict_known check (verdict in ('flag', 'watch', 'clear')),
    priority double precision not null,
    created_at timestamptz not null default now()
  )`,
  'create index assessment_listing_id on assessment (listing_id, id)',
  `create table review (
    id uuid constraint review_pk primary key,
    listing_id uuid not null constraint review_listing references listing on delete cascade,
    revision integer not null,
    assessment_id uuid not null constraint review_assessment references assessment,
    state text not null constraint review_state_known check (state in ('waiting', 'decided')),
    priority double precision not null,
    created_at timestamptz not null default now(),
    claimed_by uuid constraint review_reviewer references api_key,
    claim_token integer not null default 0,
    claim_expires_at timestamptz,
    constraint review_revision_unique unique (listing_id, revision),
    constraint review_claim_whole check ((claimed_by is null) = (claim_expires_at is null))
  )`,
  `create index review_waiting on review (priority desc, id) where state = 'waiting'`,
  `create unique index review_waiting_listing on review (listing_id) where state = 'waiting'`,
  `create table review_skip (
    review_id uuid not null constraint review_skip_review references review on delete cascade,
    reviewer_id uuid not null constraint review_skip_reviewer references api_key,
    until timestamptz not null,
    constraint review_skip_pk primary key (review_id, reviewer_id)
  )`,
  `create table decision (
    id uuid constraint decision_pk primary key,
    review_id uuid not null constraint decision_review references review on delete cascade,
    reviewer_id uuid not null constraint decision_reviewer references api_key,
    outcome text not null constraint decision_outcome_known check (outcome in ('confirmed', 'dismissed', 'escalated')),
    elements jsonb not null,
    reason text not null,
    claim_token integer not null,
    decided_at timestamptz not null default now(),
    undone_at timestamptz
  )`,
  'create unique index decision_standing on decision (review_id) where undone_at is null',
  'create index decision_reviewer_time on decision (reviewer_id, decided_at desc)',
  `create table idempotency (
    api_key_id uuid not null constraint idempotency_api_key references api_key on delete cascade,
    key text not null,
    request_hash text not null,
    status integer not null,
    answer jsonb not null,
    created_at timestamptz not null default now(),
    constraint idempotency_pk primary key (api_key_id, key)
  )`,
  'create index idempotency_age on idempotency (created_at)',
  `create table batch (
    id uuid constraint batch_pk primary key,
    name text not null,
    created_by uuid constraint batch_api_key references api_key,
    idempotency_key text,
    state text not null constraint batch_state_known check (state in ('receiving', 'received', 'cut')),
    rows_read integer not null default 0,
    rows_bad integer not null default 0,
    rows_scored integer not null default 0,
    rows_flagged integer not null default 0,
    created_at timestamptz not null default now(),
    received_at timestamptz,
    constraint batch_idempotency_unique unique (created_by, idempotency_key)
  )`,
  `create table batch_problem (
    batch_id uuid not null constraint batch_problem_batch references batch on delete cascade,
    line integer not null,
    row_id text,
    problem text not null,
    constraint batch_problem_pk primary key (batch_id, line)
  )`,
  `create table batch_item (
    batch_id uuid not null constraint batch_item_batch references batch on delete cascade,
    line integer not null,
    row_id text,
    listing_id uuid not null constraint batch_item_listing references listing on delete cascade,
    assessment_id uuid not null constraint batch_item_assessment references assessment on delete cascade,
    constraint batch_item_pk primary key (batch_id, line)
  )`,
  `create table work (
    id uuid constraint work_pk primary key,
    lane text not null,
    key text not null,
    batch_id uuid constraint work_batch references batch on delete cascade,
    payload jsonb not null,
    state text not null constraint work_state_known check (state in ('pending', 'done', 'failed')),
    attempts integer not null default 0,
    due_at timestamptz not null default now(),
    leased_until timestamptz,
    error text,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint work_key_unique unique (lane, key)
  )`,
  `create index work_pending on work (due_at) where state = 'pending'`,
  'create index work_batch_id on work (batch_id)',
];

/** Creates the tables of listings, assessments, reviews, keys, batches and background work. */
export const firstTables = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
