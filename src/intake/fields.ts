/** One object of a file, as whoever wrote it shaped it. */
export type SourceRecord = { readonly [key: string]: unknown };

/** Whether a value is an object with fields. */
export function isRecord(value: unknown): value is SourceRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path such as `owner.username`, or undefined. */
export function at(record: SourceRecord, path: string): unknown {
  if (!path.includes('.')) return Object.hasOwn(record, path) ? record[path] : undefined; // as nearly always
  let value: unknown = record;
  for (const key of path.split('.')) {
    if (Array.isArray(value)) value = value[Number(key)];
    else if (isRecord(value) && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
}

/** The first of these paths that holds words or a number, as text; undefined when none does. */
export function textAt(record: SourceRecord, ...paths: string[]): string | undefined {
  for (const path of paths) {
    const value = at(record, path);
    if (typeof value === 'string' && value.trim() !== '') return value;
    if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  }
  return undefined;
}

/** Title and description as one text, with an empty line between them; parts that repeat are left out. */
export function joinTexts(...parts: (string | undefined)[]): string | undefined {
  const said = parts.filter((part): part is string => part !== undefined && part.trim() !== '');
  const distinct = said.filter((part, index) => said.indexOf(part) === index);
  return distinct.length === 0 ? undefined : distinct.join('\n\n');
}

/** Every address in these places: strings, lists of strings, or lists of objects with an address in `keys`. */
export function addressesAt(
  record: SourceRecord,
  paths: readonly string[],
  keys: readonly string[] = ['url'],
): string[] {
  const found = paths.flatMap((path) => addressesIn(at(record, path), keys));
  return found.length > 1 ? [...new Set(found)] : found;
}

function addressesIn(value: unknown, keys: readonly string[]): string[] {
  if (typeof value === 'string') {
    const parts = value.trim().split(/[\s|]+/);
    return parts.filter((part) => part !== '' && part !== '[]' && part !== 'null');
  }
  if (Array.isArray(value)) return value.flatMap((each: unknown) => addressesIn(each, keys));
  if (isRecord(value))
    return textAt(value, ...keys) === undefined ? [] : addressesIn(textAt(value, ...keys), keys);
  return [];
}

/** Indonesian scrapes that name no zone mean western Indonesian time, where most sellers live. */
const assumedZone = '+07:00';
const plainTime = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?$/;
/** Seconds since 1970 have ten digits until the year 2286, milliseconds thirteen. */
const epoch = /^\d{10}(?:\d{3})?(?:\.\d+)?$/;

/**
 * The time in the first of these paths as ISO 8601 with a zone. A time that cannot be read is left out: a listing
 * without its date is worth more than no listing.
 */
export function timeAt(record: SourceRecord, ...paths: string[]): string | undefined {
  const written = textAt(record, ...paths)?.trim();
  if (written === undefined) return undefined;
  const plain = plainTime.exec(written);
  const time = epoch.test(written)
    ? new Date(Number(written) * (written.split('.')[0]?.length === 10 ? 1000 : 1))
    : new Date(plain === null ? written : `${plain[1]}T${plain[2] ?? '00:00'}${assumedZone}`);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
