import { until } from './mode.ts';
import type { Site } from './site.ts';

/** Waits until so many rows of a night are stored, or scored. */
export async function progress(
  { store }: Site,
  name: string,
  what: 'stored' | 'scored',
  rows: number,
): Promise<void> {
  const column = what === 'stored' ? 'rows_read' : 'rows_scored';
  const enough = async () => {
    const batch = await store.db
      .selectFrom('batch')
      .where('name', '=', name)
      .select(column)
      .executeTakeFirst();
    return (batch?.[column] ?? 0) >= rows;
  };
  await until(`${rows} rows of ${name} are ${what}`, enough, { everyMs: 5 });
}
