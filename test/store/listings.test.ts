import { expect, test } from 'vitest';
import { inTransaction } from '../../src/store/db.ts';
import { findListing, listListings } from '../../src/store/find-listings.ts';
import { addPictures } from '../../src/store/pictures.ts';
import { saveListings } from '../../src/store/save-listings.ts';
import { describeEachEngine } from './each-engine.ts';
import { anAssessed, saveAndFlag } from './make-listings.ts';

describeEachEngine('listings', (getStore) => {
  test('the same platform and post id is the same listing, and an unchanged text keeps its assessment', async () => {
    const { db } = getStore();
    const post = { platform: 'instagram' as const, postId: 'same', text: 'jaket second' };
    const [first] = await saveAndFlag(db, [anAssessed(post)]);
    const [second] = await saveAndFlag(db, [anAssessed({ ...post, seller: 'toko' })]);
    expect(second).toMatchObject({
      listingId: first?.listingId,
      assessmentId: first?.assessmentId,
      revision: 1,
      created: false,
    });
    expect(await findListing(db, first?.listingId ?? '')).toMatchObject({ seller: 'toko', revision: 1 });
  });

  test('a whole chunk may show as many pictures as listings are allowed', async () => {
    const { db } = getStore();
    const inputs = Array.from({ length: 200 }, (_, n) =>
      anAssessed({ postId: `album ${n}`, text: 'jaket second' }, { verdict: 'clear' }),
    );
    const saved = await saveAndFlag(db, inputs);
    const shown = saved.map(({ listingId }) => ({
      listingId,
      urls: Array.from({ length: 50 }, (_, n) => `https://pictures.example/${listingId}/${n}`),
    }));
    await inTransaction(db, (trx) => addPictures(trx, shown, 0));
    const ids = saved.map(({ listingId }) => listingId);
    const pictures = await db.selectFrom('picture').where('listing_id', 'in', ids).select('id').execute();
    expect(pictures).toHaveLength(10_000);
  });

  test('a changed text becomes the next revision and the old text is kept', async () => {
    const { db } = getStore();
    const post = { platform: 'shopee' as const, postId: 'changing', seller: 'a' };
    const [first] = await saveAndFlag(db, [anAssessed({ ...post, text: 'bal segel' })]);
    const [second] = await saveAndFlag(db, [
      anAssessed({ platform: 'shopee', postId: 'changing', text: 'bola' }, { verdict: 'clear' }),
    ]);
    expect(second).toMatchObject({ listingId: first?.listingId, revision: 2, verdict: 'clear' });
    expect(await findListing(db, first?.listingId ?? '')).toMatchObject({
      text: 'bola',
      seller: 'a',
      assessment: { verdict: 'clear' },
    });
    const kept = await db
      .selectFrom('listing_revision')
      .selectAll()
      .where('listing_id', '=', first?.listingId ?? '')
      .execute();
    expect(kept).toMatchObject([{ revision: 1, text: 'bal segel' }]);
  });

  test('another model assesses the same text anew and both assessments stand', async () => {
    const { db } = getStore();
    const post = { platform: 'x' as const, postId: 'model', text: 'thrift' };
    const [first] = await saveAndFlag(db, [anAssessed(post)]);
    await saveAndFlag(db, [
      anAssessed(post, { modelVersion: 'model-2', probability: 0.2, verdict: 'clear' }),
    ]);
    const stored = await findListing(db, first?.listingId ?? '');
    expect(stored).toMatchObject({
      revision: 1,
      assessment: { modelVersion: 'model-2', verdict: 'clear', probability: 0.2 },
    });
    const all = await db
      .selectFrom('assessment')
      .select('id')
      .where('listing_id', '=', first?.listingId ?? '')
      .execute();
    expect(all).toHaveLength(2);
  });

  test('a post that stands twice in one input is one listing with its last text', async () => {
    const { db } = getStore();
    const saved = await saveAndFlag(db, [
      anAssessed({ platform: 'x', postId: 'twice', text: 'pertama' }, { verdict: 'clear' }),
      anAssessed({ platform: 'x', text: 'tanpa id' }, { verdict: 'clear' }),
      anAssessed({ platform: 'x', postId: 'twice', text: 'kedua' }, { verdict: 'clear' }),
    ]);
    expect(saved[0]?.listingId).toBe(saved[2]?.listingId);
    expect(saved.map(({ revision }) => revision)).toEqual([1, 1, 2]);
    expect(await findListing(db, saved[0]?.listingId ?? '')).toMatchObject({ text: 'kedua' });
  });

  test('transactions that store the same posts at once make each of them once', async () => {
    const { db } = getStore();
    const inputs = (text: string) =>
      Array.from({ length: 20 }, (_, n) =>
        anAssessed({ platform: 'tiktok', postId: `race-${n}`, text }, { verdict: 'clear' }),
      );
    const runs = ['a', 'b', 'a', 'b'].map((text, turn) =>
      inTransaction(db, (trx) => saveListings(trx, turn % 2 === 0 ? inputs(text) : inputs(text).reverse())),
    );
    const saved = await Promise.all(runs);
    expect(new Set(saved.flat().map(({ listingId }) => listingId)).size).toBe(20);
    expect(saved.flat().filter(({ created }) => created)).toHaveLength(20);
  });

  test('hostile text comes back unit by unit, with what no database stores replaced in place', async () => {
    const { db } = getStore();
    const hostile = "a\ud800b\u0000c\u202e<script>\u{1f459}'; drop table listing; --\\u0000 二手";
    const [saved] = await saveAndFlag(db, [anAssessed({ text: hostile }, { verdict: 'clear' })]);
    const stored = await findListing(db, saved?.listingId ?? '');
    expect(stored?.text).toBe(hostile.replace('\ud800', '\ufffd').replace('\u0000', '\ufffd'));
    expect(stored?.text).toHaveLength(hostile.length);
  });

  test('pages by cursor give every listing once, newest first, under any filter', async () => {
    const { db } = getStore();
    await saveAndFlag(
      db,
      Array.from({ length: 7 }, (_, n) =>
        anAssessed(
          { platform: 'google', seller: 'paged', text: `t${n}` },
          { verdict: n % 2 === 0 ? 'watch' : 'clear' },
        ),
      ),
    );
    const seen: string[] = [];
    for (let after: string | null = null; ; ) {
      const page = await listListings(db, { seller: 'paged', verdict: 'watch' }, 2, after);
      seen.push(...page.map(({ text }) => text));
      after = page.at(-1)?.id ?? null;
      if (after === null) break;
    }
    expect(seen).toHaveLength(4);
    expect([...seen].sort()).toEqual(['t0', 't2', 't4', 't6']);
  });
});
