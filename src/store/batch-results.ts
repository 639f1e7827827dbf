import type { Element } from '../domain/element.ts';
import type { Verdict } from '../domain/policy.ts';
import { beforeFirstRow } from './batches.ts';
import type { Db } from './db.ts';
import { findGivenUpChunks, type GivenUpChunk, givenUpAfter } from './given-up-rows.ts';

/** What a row of a batch became: an assessed listing, or a problem. */
export type BatchResult = { row: number; line: number; id: string | null } & (
  | {
      problem: null;
      listingId: string;
      probability: number;
      verdict: Verdict;
      elements: Record<Element, number>;
      modelVersion: string;
      policyVersion: string;
    }
  | { problem: string }
);

const rowsPerPage = 500;

/**
 * What the rows of a batch became so far, in the order of the rows, a page at a time: no cursor or transaction is held
 * while a slow reader takes one. Rows that still wait are not among them.
 *
 * @param verdict only listings with this verdict, and no problems; null for all
 */
export async function* readBatchResults(
  db: Db,
  batchId: string,
  verdict: Verdict | null,
): AsyncGenerator<BatchResult[]> {
  const givenUp = verdict === null ? await findGivenUpChunks(db, batchId) : [];
  for (let after = beforeFirstRow; ; ) {
    const scored = await scoredAfter(db, batchId, after, verdict);
    const problems = verdict === null ? await problemsAfter(db, batchId, after, givenUp) : [];
    const page = [...scored, ...problems].sort((a, b) => a.row - b.row).slice(0, rowsPerPage);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.row;
  }
}

async function scoredAfter(
  db: Db,
  batchId: string,
  after: number,
  verdict: Verdict | null,
): Promise<BatchResult[]> {
  let query = db
    .selectFrom('batch_item')
    .innerJoin('assessment', 'assessment.id', 'batch_item.assessment_id')
    .where('batch_item.batch_id', '=', batchId)
    .where('batch_item.row_number', '>', after);
  if (verdict !== null) query = query.where('assessment.verdict', '=', verdict);
  const rows = await query
    .orderBy('batch_item.row_number')
    .limit(rowsPerPage)
    .select([
      'batch_item.row_number as row',
      'batch_item.line',
      'batch_item.row_id as id',
      'batch_item.listing_id as listingId',
      'assessment.probability',
      'assessment.verdict',
      'assessment.clothing',
      'assessment.used',
      'assessment.imported',
      'assessment.offered',
      'assessment.bulk',
      'assessment.model_version as modelVersion',
      'assessment.policy_version as policyVersion',
    ])
    .execute();
  return rows.map(({ clothing, used, imported, offered, bulk, ...row }) => ({
    ...row,
    problem: null,
    elements: { clothing, used, imported, offered, bulk },
  }));
}

async function problemsAfter(
  db: Db,
  batchId: string,
  after: number,
  givenUp: readonly GivenUpChunk[],
): Promise<BatchResult[]> {
  const bad = await db
    .selectFrom('batch_problem')
    .where('batch_id', '=', batchId)
    .where('row_number', '>', after)
    .orderBy('row_number')
    .limit(rowsPerPage)
    .select(['row_number as row', 'line', 'row_id as id', 'problem'])
    .execute();
  return [...bad, ...(await givenUpAfter(db, givenUp, after, rowsPerPage))];
}
