import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { Element } from '../domain/element.ts';
import type { Platform } from '../domain/listing.ts';
import type { CaptureStanding, PictureMatch, PictureState } from '../domain/picture.ts';
import type { Verdict } from '../domain/policy.ts';
import type { Outcome } from '../domain/review.ts';
import type { Role } from '../domain/role.ts';
import type { PackedSpans } from './spans.ts';

type Time = ColumnType<Date, Date | string, Date | string>;
type OptionalTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>;

/** Identity and present content of a post; contents it had before stand in `listing_revision`. */
type ListingTable = {
  id: string;
  platform: Platform;
  post_id: string | null;
  url: string | null;
  seller: string | null;
  text: string;
  image_urls: JSONColumnType<string[]>;
  posted_at: OptionalTime;
  /** Counts from 1; grows when text or pictures change. */
  revision: number;
  /** The assessment in force, with its verdict and probability beside it for filters. */
  assessment_id: string | null;
  verdict: Verdict | null;
  probability: number | null;
  /** Texts like the present one; null where it has too few words to tell. */
  duplicate_group_id: ColumnType<string | null, string | null | undefined, string | null>;
  created_at: DefaultTime;
  updated_at: DefaultTime;
};

/** A content that a listing had before its seller changed it. Never altered. */
type ListingRevisionTable = {
  listing_id: string;
  revision: number;
  text: string;
  image_urls: JSONColumnType<string[]>;
  replaced_at: DefaultTime;
};

/** One scoring of one revision of a listing, with the verdict it led to. Never altered. */
type AssessmentTable = {
  id: string;
  listing_id: string;
  revision: number;
  model_version: string;
  policy_version: string;
  probability: number;
  clothing: number;
  used: number;
  imported: number;
  offered: number;
  bulk: number;
  /** Null where nobody was to look at them. */
  spans: ColumnType<PackedSpans | null, string | null, string | null>;
  verdict: Verdict;
  priority: number;
  /** Frozen copies whose text was scored too, by SHA-256; empty for a scoring of the listing's text alone. */
  captures: ColumnType<(string | null)[], string | undefined, string>;
  /** What pictures known from elsewhere added. */
  picture_matches: ColumnType<PictureMatch[], string | undefined, string>;
  created_at: DefaultTime;
};

/** A flag that waits for a person, or has been decided. At most one per revision of a listing. */
type ReviewTable = {
  id: string;
  listing_id: string;
  revision: number;
  assessment_id: string;
  state: ColumnType<'waiting' | 'decided', 'waiting', 'waiting' | 'decided'>;
  priority: number;
  created_at: DefaultTime;
  /** Texts like the flagged one. Of their waiting reviews one is in front and can be claimed; the others are behind it. */
  duplicate_group_id: string | null;
  behind: ColumnType<boolean, boolean | undefined, boolean>;
  /** The reviewer's API key while a claim lasts. */
  claimed_by: string | null;
  /** Fencing token: grows with every claim, and with everything that ends one. */
  claim_token: Generated<number>;
  claim_expires_at: OptionalTime;
};

/** A reviewer's wish not to be given a review until later. */
type ReviewSkipTable = { review_id: string; reviewer_id: string; until: Time };

/** What a person decided. Kept for ever; an undone one says so. */
type DecisionTable = {
  id: string;
  review_id: string;
  reviewer_id: string;
  outcome: Outcome;
  elements: JSONColumnType<Element[]>;
  reason: string;
  claim_token: number;
  /** The same for all that one call decided: the id of the decision on the review that was claimed. */
  call_id: string;
  decided_at: DefaultTime;
  undone_at: OptionalTime;
};

type ApiKeyTable = {
  id: string;
  name: string;
  role: Role;
  /** SHA-256 of the secret, hexadecimal. */
  hash: string;
  created_at: DefaultTime;
  revoked_at: OptionalTime;
};

/** The answer once given to a request with an `Idempotency-Key`. */
type IdempotencyTable = {
  api_key_id: string;
  key: string;
  /** SHA-256 of method, path and body, hexadecimal. */
  request_hash: string;
  status: number;
  answer: JSONColumnType<object>;
  created_at: DefaultTime;
};

type BatchTable = {
  id: string;
  name: string;
  created_by: string | null;
  idempotency_key: string | null;
  state: 'receiving' | 'received' | 'cut' | 'cancelled';
  /** Rows read so far, the bad ones included. */
  rows_read: Generated<number>;
  rows_bad: Generated<number>;
  rows_scored: Generated<number>;
  rows_flagged: Generated<number>;
  /** The turn that its newest chunk got. */
  turn: Generated<number>;
  created_at: DefaultTime;
  received_at: OptionalTime;
  /** Who is told of its end. */
  webhook_id: ColumnType<string | null, string | null | undefined, string | null>;
  /** Whether its end was told; no longer so when rows of it are taken up again. */
  told: Generated<boolean>;
};

/** An address to which an API key's batches tell their ends, with the secret that messages there are signed with. */
type WebhookTable = {
  id: string;
  api_key_id: string;
  url: string;
  /** `whsec_` and base64. */
  secret: string;
  created_at: DefaultTime;
};

/** The message of one end of a batch. */
type WebhookDeliveryTable = {
  id: string;
  batch_id: string;
  webhook_id: string;
  event: string;
  /** JSON, sent and signed as it stands. */
  body: string;
  state: 'waiting' | 'delivered' | 'failed';
  tries_left: number;
  created_at: DefaultTime;
};

/** One try to deliver a message. Never altered. */
type WebhookAttemptTable = {
  delivery_id: string;
  number: number;
  begun_at: Time;
  duration_ms: number;
  status: number | null;
  problem: string | null;
};

type BatchProblemTable = {
  batch_id: string;
  row_number: number;
  line: number;
  row_id: string | null;
  problem: string;
};

/** Which listing and assessment a row of a batch became; its key is what keeps a row from counting twice. */
type BatchItemTable = {
  batch_id: string;
  /** Counts the listings of the upload from 1; a line may hold many. */
  row_number: number;
  line: number;
  row_id: string | null;
  listing_id: string;
  assessment_id: string;
};

/** A unit of background work: the record behind every bell the queue rings. */
type WorkTable = {
  id: string;
  lane: string;
  /** Work with the same lane and key is the same work. */
  key: string;
  batch_id: string | null;
  payload: JSONColumnType<object>;
  state: 'pending' | 'done' | 'failed' | 'cancelled';
  attempts: Generated<number>;
  /** Attempts whose process neither finished nor failed: it was killed, or stood still past its lease. */
  abandoned: Generated<number>;
  /** Of waiting work of a lane the lowest turn is taken first. */
  turn: Generated<number>;
  due_at: DefaultTime;
  leased_until: OptionalTime;
  error: string | null;
  created_at: DefaultTime;
  finished_at: OptionalTime;
};

/** A frozen copy of a picture's bytes, which stand in the capture store under its key. One for all who show them. */
type CaptureTable = {
  /** SHA-256 of the bytes, hexadecimal. */
  sha256: string;
  media_type: string;
  bytes: number;
  width: number;
  height: number;
  /** Perceptual hash, that of what lies inside its frame, and those of both turned and mirrored; null and none where unknown. */
  hash: string | null;
  unframed: string | null;
  turned: ColumnType<string[], string | undefined, string>;
  /** Of the hash, 0 to 100. */
  quality: number | null;
  /** Text read from it; null until it was read. */
  text: string | null;
  text_confidence: number | null;
  /** Why its text could not be read. */
  text_problem: string | null;
  /** What a person said of it: known from offers, harmless wherever it is, or not to be matched. */
  standing: CaptureStanding | null;
  standing_by: string | null;
  standing_at: OptionalTime;
  created_at: DefaultTime;
};

/** A picture of a listing: its address, or the name it was uploaded under, and what became of it. */
type PictureTable = {
  id: string;
  listing_id: string;
  url: string;
  state: ColumnType<PictureState, PictureState, PictureState>;
  sha256: string | null;
  problem: string | null;
  problem_detail: string | null;
  final_url: string | null;
  status: number | null;
  headers: ColumnType<Record<string, string>, string | undefined, string>;
  fetched_at: OptionalTime;
  created_at: DefaultTime;
};

/** All tables, as Kysely sees them. */
export type Tables = {
  listing: ListingTable;
  listing_revision: ListingRevisionTable;
  assessment: AssessmentTable;
  review: ReviewTable;
  review_skip: ReviewSkipTable;
  decision: DecisionTable;
  api_key: ApiKeyTable;
  idempotency: IdempotencyTable;
  batch: BatchTable;
  batch_problem: BatchProblemTable;
  batch_item: BatchItemTable;
  work: WorkTable;
  webhook: WebhookTable;
  webhook_delivery: WebhookDeliveryTable;
  webhook_attempt: WebhookAttemptTable;
  capture: CaptureTable;
  picture: PictureTable;
};
