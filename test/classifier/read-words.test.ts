import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allRows, createFeatureExtractor } from '../../src/classifier/features.ts';
import { createWordReader } from '../../src/classifier/read-words.ts';

const read = createWordReader();
const words = (text: string) => read(text).map((word) => word.text);

test.each([
  ['B A L press', ['bal', 'pres']],
  ['b.a.l segel', ['bal', 'segel']],
  ['b4l c4k4r thr1ft m0nz4', ['bal', 'cakar', 'thrift', 'monza']],
  ['BALLLL presss', ['bal', 'pres']],
  ['bаl с cyrillic', ['bal', 'c', 'cyrilic']],
  ['ｂａｌ 𝐛𝐚𝐥 🅱🅰🅻', ['bal', 'bal', 'bal']],
  ['b\u200ba\u200dl\u202e', ['bal']],
  ['th*rift im-port', ['thrift', 'import']],
  ['báju jäket', ['baju', 'jaket']],
  ['25k 35rb 1jt 100kg 081200001234', ['#cheap', '#cheap', '#milion', '#3kg', '#phone']],
  ['👕🔥baju', ['👕', '🔥', 'baju']],
])('reads %s as people mean it', (text, expected) => {
  expect(words(text)).toEqual(expected.map((word) => word.replace('#milion', '#million')));
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 })
    .map((units) => String.fromCharCode(...units)),
);

test('every word of any string stands for a stretch of it, in order and within bounds', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      let last = 0;
      for (const { start, end, text: word } of read(text)) {
        expect(start).toBeGreaterThanOrEqual(last);
        expect(end).toBeGreaterThan(start);
        expect(end).toBeLessThanOrEqual(text.length);
        expect(word.length).toBeGreaterThan(0);
        last = end;
      }
    }),
    { numRuns: 500 },
  );
});

test('a reader that has forgotten all it knew reads as a new one does', () => {
  const extract = createFeatureExtractor({ buckets: 1 << 12, minGram: 3, maxGram: 5 });
  const flood = Array.from({ length: 140_000 }, (_, n) => `q${n.toString(36)}`).join(' ');
  const before = extract('bal segel murah').vocabulary;
  for (const text of [flood, 'b.a.l segel', '👕 35rb', flood.slice(0, 999)]) {
    expect(JSON.stringify(read(text)) === JSON.stringify(createWordReader()(text))).toBe(true);
    const fresh = createFeatureExtractor({ buckets: 1 << 12, minGram: 3, maxGram: 5 });
    expect(allRows(extract(text)).join() === allRows(fresh(text)).join()).toBe(true);
  }
  expect(extract('bal segel murah').vocabulary).not.toBe(before);
});

test('the features of any text grow no faster than the text', () => {
  const extract = createFeatureExtractor({ buckets: 1 << 12, minGram: 3, maxGram: 5 });
  for (const text of [
    'a'.repeat(100_000),
    'a '.repeat(50_000),
    'a.'.repeat(50_000),
    'ab1'.repeat(33_000),
    '👕'.repeat(50_000),
    'x-'.repeat(50_000),
  ]) {
    const features = extract(text);
    expect(features.count).toBeLessThan(8 * text.length);
    expect(allRows(features)).toHaveLength(features.count);
  }
});
