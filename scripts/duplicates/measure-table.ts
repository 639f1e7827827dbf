import { sql } from 'kysely';
import type { Fingerprint } from '../../src/domain/fingerprint.ts';
import { createFingerprinter } from '../../src/duplicates/fingerprint-text.ts';
import type { Db } from '../../src/store/db.ts';
import { findOrMakeGroups } from '../../src/store/duplicate-groups.ts';
import { median } from '../median.ts';

const chunk = 200;
const rounds = 15;
const fingerprint = createFingerprinter();

/** Microseconds a listing, medians of `rounds` chunks of 200, and what the table holds. */
export type TableFigures = {
  groups: number;
  known: number;
  alike: number;
  fresh: number;
  bytesAGroup: number;
};

/** Texts of the phrases of real ones, so that words are as common as they are there; none is in the corpus. */
export function createTextMaker(texts: readonly string[], random: () => number): () => string {
  const phrases = texts.flatMap((text) => {
    const words = text.split(/\s+/);
    return Array.from({ length: Math.floor(words.length / 3) }, (_, n) => words.slice(3 * n, 3 * n + 3));
  });
  return () => {
    const length = (texts[Math.floor(random() * texts.length)] ?? '').split(/\s+/).length;
    const words: string[] = [];
    while (words.length < Math.max(8, length))
      words.push(...(phrases[Math.floor(random() * phrases.length)] ?? []));
    return words.join(' ');
  };
}

/** Fills the table up to each size in turn and measures there. */
export async function* measureTable(
  db: Db,
  makeText: () => string,
  sizes: readonly number[],
): AsyncGenerator<TableFigures> {
  const kept: string[] = [];
  for (const size of sizes) {
    for (let groups = await countGroups(db); groups < size; groups = await countGroups(db)) {
      const texts = Array.from({ length: Math.min(2_000, size - groups) }, makeText);
      if (kept.length < 50_000) kept.push(...texts);
      await findOrMakeGroups(db, prints(texts));
    }
    await sql`vacuum analyze duplicate_group`.execute(db);
    const draw = () => kept[Math.floor(Math.random() * kept.length)] ?? '';
    const known = await time(db, draw);
    const alike = await time(db, () => `${draw()} tambahkata`);
    const { rows } = await sql<{ bytes: number }>`
      select pg_total_relation_size('duplicate_group') as bytes
    `.execute(db);
    const bytesAGroup = (rows[0]?.bytes ?? 0) / (await countGroups(db));
    yield { groups: size, known, alike, fresh: await time(db, makeText), bytesAGroup };
  }
}

async function time(db: Db, draw: () => string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const chunkPrints = prints(Array.from({ length: chunk }, draw));
    const start = performance.now();
    await findOrMakeGroups(db, chunkPrints);
    times.push((1000 * (performance.now() - start)) / chunk);
  }
  return median(times);
}

function prints(texts: readonly string[]): (Fingerprint | null)[] {
  return texts.map(fingerprint);
}

async function countGroups(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from duplicate_group`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}
