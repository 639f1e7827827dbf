import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import type { Fingerprint } from '../../src/domain/fingerprint.ts';
import { createFingerprinter } from '../../src/duplicates/fingerprint-text.ts';
import { findOrMakeGroups } from '../../src/store/duplicate-groups.ts';
import { describeEachEngine } from './each-engine.ts';

const fingerprint = createFingerprinter();

/** Texts of forty words each, no two alike: words of letters alone, made from a number. */
function someText(seed: number): string {
  const words = Array.from({ length: 40 }, (_, at) =>
    Math.imul(seed * 40 + at + 1, 0x9e3779b1)
      .toString(26)
      .replace(/[^a-p]/g, 'q')
      .concat('ku'),
  );
  return words.join(' ');
}

/** The text with its last word changed: much alike, and never the same. */
function nearCopy(text: string, word: string): string {
  return text.replace(/\S+$/, word);
}

describeEachEngine('groups of near-duplicates', (getStore) => {
  beforeEach(async () => {
    await sql`truncate duplicate_group`.execute(getStore().db);
  });

  const group = async (...texts: string[]) => await findOrMakeGroups(getStore().db, texts.map(fingerprint));
  const count = async () => {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from duplicate_group`.execute(
      getStore().db,
    );
    return rows[0]?.count;
  };

  test('gives alike texts one group, others another and short ones none, in the order of the texts', async () => {
    const [a, none, b, nearA] = await group(
      someText(1),
      'bal murah',
      someText(2),
      nearCopy(someText(1), 'x'),
    );
    expect(none).toBeNull();
    expect(a).not.toBe(b);
    expect(nearA).toBe(a);
    expect(await group(someText(2), nearCopy(someText(2), 'lain'), someText(1))).toEqual([b, b, a]);
    expect(await count()).toBe(2);
  });

  test('only the first text of a group is compared with, so that a group does not drift', async () => {
    const words = someText(3).split(' ');
    const half = [...words.slice(0, 35), ...someText(4).split(' ').slice(35)];
    const more = [...words.slice(0, 30), ...someText(4).split(' ').slice(30)];
    const [first] = await group(words.join(' '));
    const [second] = await group(half.join(' '));
    const [third] = await group(more.join(' '));
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test('of two first texts the one that is more alike gets a text', async () => {
    const words = someText(5).split(' ');
    const mixed = (own: number) => [...words.slice(0, own), ...someText(6).split(' ').slice(own)].join(' ');
    const [a, b] = await group(mixed(40), mixed(24));
    expect(a).not.toBe(b);
    expect(await group(mixed(39), mixed(25))).toEqual([a, b]);
  });

  test('chunks that come at once over two connections make one group of copies and near copies', async () => {
    for (let round = 0; round < 10; round += 1) {
      const texts = Array.from({ length: 20 }, (_, n) => someText(100 + round * 20 + n));
      const near = texts.map((text) => nearCopy(text, 'ganti'));
      const [one, two, three] = await Promise.all([
        group(...texts),
        group(...near.toReversed()),
        group(...texts),
      ]);
      expect(two?.toReversed()).toEqual(one);
      expect(three).toEqual(one);
    }
    expect(await count()).toBe(200);
  });

  test('a band that thousands share is looked at only so far, and what is alike is found by the others', async () => {
    const wanted = fingerprint(someText(7));
    if (wanted === null) throw new Error('the text has no fingerprint');
    const crowd = Array.from({ length: 2_500 }, (_, n): Fingerprint => {
      const other = fingerprint(someText(1_000 + n));
      if (other === null) throw new Error('the text has no fingerprint');
      return { ...other, bands: [wanted.bands[0] ?? 0n, ...other.bands.slice(1)] };
    });
    await findOrMakeGroups(getStore().db, crowd);
    const [made] = await findOrMakeGroups(getStore().db, [wanted]);
    expect(await group(nearCopy(someText(7), 'murah'))).toEqual([made]);
    expect(await count()).toBe(2_501);
  });
});
