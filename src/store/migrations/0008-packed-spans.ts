import { type Kysely, sql } from 'kysely';

const statements = [
  `create function pack_spans(spans jsonb) returns json language sql as $$
    select coalesce(json_object_agg(element, packed), '{}') from (
      select span ->> 'element' as element,
        json_agg(case when span ? 'picture'
          then json_build_array(span -> 'start', span -> 'end', span -> 'weight', span -> 'picture')
          else json_build_array(span -> 'start', span -> 'end', span -> 'weight') end order by place) as packed
      from jsonb_array_elements(spans) with ordinality as each (span, place)
      group by span ->> 'element'
    ) as by_element
  $$`,
  'alter table assessment alter column spans type json using pack_spans(spans)',
  'drop function pack_spans(jsonb)',
];

/** Stores spans packed, as text that PostgreSQL need not take apart. */
export const packedSpans = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
