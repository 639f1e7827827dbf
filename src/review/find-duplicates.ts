import { sql } from 'kysely';
import type { Platform } from '../domain/listing.ts';
import type { Outcome } from '../domain/review.ts';
import type { Db } from '../store/db.ts';
import { differingPart, type Part } from './differing-part.ts';

/** Near-duplicates shown with a review, and decided with it, at most. */
export const mostDuplicatesShown = 50;
/** Of a group's decisions the newest are counted, so that a claim costs the same however popular a text is. */
const mostDecidedCounted = 1_000;
/** So much of a text, in characters, is compared with the review's. */
const mostCompared = 10_000;

/** The texts like a review's. */
export type Duplicates = {
  groupId: string;
  /** Reviews of the group that wait, this one included. */
  waiting: number;
  /** Standing decisions on the newest 1,000 decided reviews of the group. */
  decided: Record<Outcome, number>;
  /** Waiting reviews that may be decided along with this one, highest priority first. */
  listings: Duplicate[];
};

/** A post whose text is like the review's. */
type Duplicate = {
  reviewId: string;
  revision: number;
  listingId: string;
  platform: Platform;
  seller: string | null;
  url: string | null;
  /** Where its text is not the review's; null where it is the very same, up to the first 10,000 characters. */
  differs: Part | null;
};

/** Near-duplicates of reviews, by the reviews' ids. */
export async function findDuplicates(
  db: Db,
  reviews: readonly { id: string; groupId: string; text: string }[],
  mostShown: number,
): Promise<Map<string, Duplicates>> {
  if (reviews.length === 0) return new Map();
  const groups = await countGroups(db, [...new Set(reviews.map(({ groupId }) => groupId))]);
  const noneShown = new Map<string, Duplicate[]>();
  const shown = mostShown === 0 ? noneShown : await findWaiting(db, reviews, mostShown);
  return new Map(
    reviews.map(({ id, groupId }) => {
      const counts = groups.get(groupId) ?? { waiting: 0, decided: noDecisions() };
      return [id, { groupId, ...counts, listings: shown.get(id) ?? [] }];
    }),
  );
}

function noDecisions(): Record<Outcome, number> {
  return { confirmed: 0, dismissed: 0, escalated: 0 };
}

async function countGroups(
  db: Db,
  groupIds: readonly string[],
): Promise<Map<string, { waiting: number; decided: Record<Outcome, number> }>> {
  const { rows } = await sql<{ id: string; waiting: number } & Record<Outcome, number>>`
    select wanted.id, decided.*,
      (select count(*) from review where duplicate_group_id = wanted.id and behind)::int
      + (select count(*) from review
         where duplicate_group_id = wanted.id and state = 'waiting' and not behind)::int as waiting
    from unnest(${`{${groupIds.join(',')}}`}::uuid[]) as wanted (id)
    cross join lateral (
      select count(*) filter (where outcome = 'confirmed')::int as confirmed,
        count(*) filter (where outcome = 'dismissed')::int as dismissed,
        count(*) filter (where outcome = 'escalated')::int as escalated
      from (
        select id from review where duplicate_group_id = wanted.id and state = 'decided'
        order by id desc limit ${mostDecidedCounted}
      ) as newest
      join decision on decision.review_id = newest.id and decision.undone_at is null
    ) as decided
  `.execute(db);
  return new Map(rows.map(({ id, waiting, ...decided }) => [id, { waiting, decided }]));
}

type WaitingRow = Omit<Duplicate, 'differs'> & { cardId: string; text: string };

async function findWaiting(
  db: Db,
  reviews: readonly { id: string; groupId: string; text: string }[],
  most: number,
): Promise<Map<string, Duplicate[]>> {
  const ids = `{${reviews.map(({ id }) => id).join(',')}}`;
  const groupIds = `{${reviews.map(({ groupId }) => groupId).join(',')}}`;
  const { rows } = await sql<WaitingRow>`
    select card.id as "cardId", other.id as "reviewId", other.revision, listing.id as "listingId",
      listing.platform, listing.seller, listing.url,
      left(coalesce(listing_revision.text, listing.text), ${mostCompared}) as text
    from unnest(${ids}::uuid[], ${groupIds}::uuid[]) as card (id, group_id)
    cross join lateral (
      select id, listing_id, revision, priority from review
      where duplicate_group_id = card.group_id and behind and id <> card.id
        and (claim_expires_at is null or claim_expires_at <= clock_timestamp())
      order by priority desc, id limit ${most}
    ) as other
    join listing on listing.id = other.listing_id
    left join listing_revision
      on listing_revision.listing_id = other.listing_id and listing_revision.revision = other.revision
    order by other.priority desc, other.id
  `.execute(db);
  // As the database counts: by characters, not by units.
  const texts = new Map(reviews.map(({ id, text }) => [id, [...text].slice(0, mostCompared).join('')]));
  const found = new Map<string, Duplicate[]>();
  for (const { cardId, text, ...duplicate } of rows) {
    const list = found.get(cardId) ?? [];
    list.push({ ...duplicate, differs: differingPart(text, texts.get(cardId) ?? '') });
    found.set(cardId, list);
  }
  return found;
}
