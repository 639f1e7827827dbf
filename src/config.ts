import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from './domain/app-error.ts';
import type { CaptureStoreSettings } from './images/capture-store.ts';
import { type AllowedAddress, readAllowedAddress } from './outbound/address-rules.ts';

const projectDir = join(import.meta.dirname, '..');

function addressOf(...schemes: string[]) {
  return z
    .string()
    .refine((value) => schemes.includes(URL.parse(value)?.protocol ?? ''), {
      message: `must be an address that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
    })
    .optional();
}

function whole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ message }).int(message).min(least, message).max(most, message);
}

function count(least: number, most: number, standard: number) {
  return whole(least, most).default(standard);
}

function choice<const Values extends readonly [string, ...string[]]>(
  values: Values,
  standard: Values[number],
) {
  return z.enum(values, { message: `must be one of: ${values.join(', ')}` }).default(standard);
}

/** Networks and ports as `10.1.0.0/16:8080`, apart by commas. */
const allowedAddresses = z
  .string()
  .default('')
  .transform((text, context) =>
    text.split(',').flatMap((each) => {
      if (each.trim() === '') return [];
      try {
        return [readAllowedAddress(each.trim())];
      } catch {
        const message = 'must be networks with a port, such as 10.1.0.0/16:8080 or [fd00::/8]:8080';
        context.addIssue({ code: 'custom', message });
        return [];
      }
    }),
  );

const Environment = z.object({
  SARING_DATA: z.string().default('.saring'),
  SARING_MODELS: z.string().default(join(projectDir, 'models')),
  SARING_MODEL: z
    .string()
    .regex(/^[\w.-]+$/, 'must be the name of a folder in SARING_MODELS')
    .optional(),
  TFJS_BACKEND: choice(['auto', 'native', 'wasm', 'js'], 'auto'),
  DATABASE_URL: addressOf('postgres:', 'postgresql:'),
  DATABASE_POOL_SIZE: count(1, 1000, 10),
  REDIS_URL: addressOf('redis:', 'rediss:'),
  HOST: z.string().default('127.0.0.1'),
  PORT: count(0, 65_535, 8080),
  METRICS_HOST: z.string().default('127.0.0.1'),
  METRICS_PORT: whole(0, 65_535).optional(),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info'),
  BODY_LIMIT_KIB: count(1, 1024 * 1024, 1024),
  BATCH_LIMIT_MIB: count(1, 1024 * 1024, 1024),
  BATCH_BACKLOG_ROWS: count(1, 1_000_000_000, 5_000_000),
  BATCH_CHUNK_ROWS: count(1, 2_000, 500),
  CLAIM_MINUTES: count(1, 24 * 60, 10),
  UNDO_MINUTES: count(1, 7 * 24 * 60, 30),
  WORK_CONCURRENCY: count(1, 64, 2),
  WORK_PRIORITY: choice(['idle', 'normal'], 'idle'),
  SHUTDOWN_SECONDS: count(1, 600, 30),
  DRAIN_SECONDS: count(0, 600, 0),
  SNAPSHOT_MINUTES: count(1, 7 * 24 * 60, 360),
  PICTURES: choice(['on', 'off'], 'on'),
  PICTURE_ALLOWED: allowedAddresses,
  PICTURE_LIMIT_MIB: count(1, 100, 15),
  PICTURES_PER_SECOND: count(1, 1000, 2),
  PICTURES_AT_ONCE: count(1, 256, 16),
  WEBHOOK_ALLOWED: allowedAddresses,
  CAPTURES_FOLDER: z.string().optional(),
  CAPTURES_S3_BUCKET: z.string().optional(),
  CAPTURES_S3_ENDPOINT: addressOf('http:', 'https:'),
  CAPTURES_S3_REGION: z.string().default('us-east-1'),
  CAPTURES_S3_PREFIX: z.string().default(''),
  CAPTURES_S3_ACCESS_KEY: z.string().default(''),
  CAPTURES_S3_SECRET_KEY: z.string().default(''),
});

/** Everything that can be set from outside, checked, with units in the names. */
export type Config = {
  /** Where data lives: a folder of this process alone, or a PostgreSQL server. */
  store: { engine: 'embedded'; folder: string } | { engine: 'postgres'; url: string; poolSize: number };
  /** Redis for BullMQ; null runs background work in this process. */
  redisUrl: string | null;
  /** The words of the trade. */
  lexiconFile: string;
  models: { dir: string; version: string | null; backend: 'auto' | 'native' | 'wasm' | 'js' };
  http: { host: string; port: number; bodyLimitBytes: number; batchLimitBytes: number };
  batches: {
    /** Rows of one piece of work. */
    chunkRows: number;
    /** Most rows that may wait; a new batch is refused beyond. */
    backlogRows: number;
  };
  /** Where health and metrics are shown apart from the API, as a process that only works needs it; null for nowhere. */
  operations: { host: string; port: number } | null;
  review: { claimMs: number; undoMs: number };
  work: {
    concurrency: number;
    /** Whether a process that only works lets all others have a processor first. */
    priority: 'idle' | 'normal';
    snapshotEveryMs: number;
  };
  pictures: {
    /** Whether the pictures of listings are fetched, frozen, read and matched. */
    on: boolean;
    /** Networks and ports besides the public internet that pictures may be fetched from. */
    allowed: AllowedAddress[];
    mostBytes: number;
    /** Pictures asked of one host per second, and of all hosts at a time. */
    perHostPerSecond: number;
    atOnce: number;
    /** Where frozen copies are kept. */
    captures: CaptureStoreSettings;
  };
  /** Networks and ports besides the public internet that the ends of batches may be told to. */
  webhooks: { allowed: AllowedAddress[] };
  logLevel: z.infer<typeof Environment>['LOG_LEVEL'];
  /** How long requests are still let in after it is known that the process is to end. */
  drainMs: number;
  shutdownMs: number;
};

/**
 * Reads the configuration from environment variables; README.md lists them. An empty variable counts as unset.
 *
 * @throws AppError CONFIG_INVALID naming every wrong variable and what it may be
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({
      field: issue.path.join('.'),
      message: issue.message,
    }));
    throw new AppError(
      'CONFIG_INVALID',
      500,
      issues.map(({ field, message }) => `${field} ${message}`).join('; '),
      { issues },
    );
  }
  const env = parsed.data;
  const minuteMs = 60_000;
  return {
    store:
      env.DATABASE_URL === undefined
        ? { engine: 'embedded', folder: env.SARING_DATA }
        : { engine: 'postgres', url: env.DATABASE_URL, poolSize: env.DATABASE_POOL_SIZE },
    redisUrl: env.REDIS_URL ?? null,
    lexiconFile: join(projectDir, 'data/lexicon/terms.ndjson'),
    models: { dir: env.SARING_MODELS, version: env.SARING_MODEL ?? null, backend: env.TFJS_BACKEND },
    http: {
      host: env.HOST,
      port: env.PORT,
      bodyLimitBytes: env.BODY_LIMIT_KIB * 1024,
      batchLimitBytes: env.BATCH_LIMIT_MIB * 1024 * 1024,
    },
    batches: { chunkRows: env.BATCH_CHUNK_ROWS, backlogRows: env.BATCH_BACKLOG_ROWS },
    operations: env.METRICS_PORT === undefined ? null : { host: env.METRICS_HOST, port: env.METRICS_PORT },
    review: { claimMs: env.CLAIM_MINUTES * minuteMs, undoMs: env.UNDO_MINUTES * minuteMs },
    work: {
      concurrency: env.WORK_CONCURRENCY,
      priority: env.WORK_PRIORITY,
      snapshotEveryMs: env.SNAPSHOT_MINUTES * minuteMs,
    },
    pictures: {
      on: env.PICTURES === 'on',
      allowed: env.PICTURE_ALLOWED,
      mostBytes: env.PICTURE_LIMIT_MIB * 1024 * 1024,
      perHostPerSecond: env.PICTURES_PER_SECOND,
      atOnce: env.PICTURES_AT_ONCE,
      captures:
        env.CAPTURES_S3_BUCKET === undefined
          ? { kind: 'folder', folder: env.CAPTURES_FOLDER ?? join(env.SARING_DATA, 'captures') }
          : {
              kind: 's3',
              endpoint: env.CAPTURES_S3_ENDPOINT ?? null,
              region: env.CAPTURES_S3_REGION,
              bucket: env.CAPTURES_S3_BUCKET,
              prefix: env.CAPTURES_S3_PREFIX,
              accessKeyId: env.CAPTURES_S3_ACCESS_KEY,
              secretAccessKey: env.CAPTURES_S3_SECRET_KEY,
              // Buckets as host names are Amazon's own way; others know them as paths.
              pathStyle: env.CAPTURES_S3_ENDPOINT !== undefined,
            },
    },
    webhooks: { allowed: env.WEBHOOK_ALLOWED },
    logLevel: env.LOG_LEVEL,
    drainMs: env.DRAIN_SECONDS * 1000,
    shutdownMs: env.SHUTDOWN_SECONDS * 1000,
  };
}
