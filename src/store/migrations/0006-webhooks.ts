import { type Kysely, sql } from 'kysely';

const statements = [
  `create table webhook (
    id uuid constraint webhook_pk primary key,
    api_key_id uuid not null constraint webhook_api_key references api_key on delete cascade,
    url text not null,
    secret text not null,
    created_at timestamptz not null default now(),
    constraint webhook_url_unique unique (api_key_id, url)
  )`,
  `alter table batch
    add column webhook_id uuid constraint batch_webhook references webhook,
    add column told boolean not null default false`,
  `create table webhook_delivery (
    id uuid constraint webhook_delivery_pk primary key,
    batch_id uuid not null constraint webhook_delivery_batch references batch on delete cascade,
    webhook_id uuid not null constraint webhook_delivery_webhook references webhook,
    event text not null,
    body text not null,
    state text not null constraint webhook_delivery_state_known check (state in ('waiting', 'delivered', 'failed')),
    tries_left integer not null,
    created_at timestamptz not null default now()
  )`,
  'create index webhook_delivery_batch_id on webhook_delivery (batch_id, id)',
  `create table webhook_attempt (
    delivery_id uuid not null constraint webhook_attempt_delivery references webhook_delivery on delete cascade,
    number integer not null,
    begun_at timestamptz not null,
    duration_ms integer not null,
    status integer,
    problem text,
    constraint webhook_attempt_pk primary key (delivery_id, number)
  )`,
];

/** Lets the end of a batch be told to an address of its sender's. */
export const webhooks = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
