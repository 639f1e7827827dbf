import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bandCount, resemblance, sketchSize } from '../../src/domain/fingerprint.ts';
import { createFingerprinter } from '../../src/duplicates/fingerprint-text.ts';

const fingerprint = createFingerprinter();
const base = 'Ready bal import jaket gunung kualitas super, harga nego per karung';

/** Words of letters that stand for themselves: no number, no name of money, no letter twice in a row. */
const word = fc.constantFrom(
  'bal',
  'karung',
  'jaket',
  'import',
  'murah',
  'obral',
  'kemeja',
  'celana',
  'gudang',
);
const distinctWords = fc.uniqueArray(
  fc.tuple(word, word).map(([a, b]) => `${a}x${b}`),
  { minLength: 4, maxLength: 60 },
);
/** What may stand between words and changes nothing. */
const noise = fc.constantFrom(
  ' ',
  ' 🔥 ',
  ' 150.000 ',
  ' Rp 95rb ',
  ' 0812-3456-7890 ',
  ' @toko.baju_1 ',
  ' https://wa.me/62811?text=a ',
  ' shopee.co.id/toko ',
  ' … ',
  ' 2pcs ',
  ', ',
  '\n',
  ' #',
  '\u200b ',
  ' jual@contoh.id ',
  ' 🧥🧥 ',
  ' x ',
);

describe('fingerprints of texts', () => {
  test('prices, numbers, phones, emoji, links, names, case and punctuation change nothing', () => {
    fc.assert(
      fc.property(
        distinctWords,
        fc.array(noise, { minLength: 61, maxLength: 61 }),
        fc.boolean(),
        (words, between, loud) => {
          const plain = words.join(' ');
          const noisy = words.map((one, n) => `${between[n]}${loud ? one.toUpperCase() : one}`).join('');
          expect(fingerprint(`${noisy}${between[60]}`)).toEqual(fingerprint(plain));
        },
      ),
    );
  });

  test('look-alikes, accents, zero-width characters and repeated letters change nothing', () => {
    for (const written of [
      base.replaceAll('a', 'а'),
      base.replaceAll('e', 'é'),
      [...base].join('\u200b'),
      base.replaceAll('r', 'rrr'),
      base.normalize('NFD'),
      base.replace('bal', '𝐛𝐚𝐥'),
    ])
      expect(fingerprint(written)).toEqual(fingerprint(base));
  });

  test('resemblance is the share of common words, one only for the same words', () => {
    fc.assert(
      fc.property(distinctWords, distinctWords, (one, other) => {
        const [a, b] = [fingerprint(one.join(' ')), fingerprint(other.join(' '))];
        if (a === null || b === null) throw new Error('a text has no fingerprint');
        const all = new Set([...one, ...other]);
        const common = one.filter((each) => other.includes(each)).length;
        const estimate = resemblance(a.sketch, b.sketch);
        expect(resemblance(b.sketch, a.sketch)).toBe(estimate);
        if (all.size <= sketchSize) expect(estimate).toBeCloseTo(common / all.size, 10);
        expect(estimate === 1).toBe(common === all.size);
      }),
    );
  });

  test('the order of words is in the exact hash alone', () => {
    const [one, other] = [fingerprint(base), fingerprint(base.split(' ').reverse().join(' '))];
    expect(one?.exact).not.toBe(other?.exact);
    expect(one?.bands).toEqual(other?.bands);
  });

  test('hashes are signed 64-bit numbers, and differ between bands', () => {
    const print = fingerprint(base);
    const hashes = [print?.exact ?? 0n, ...(print?.bands ?? [])];
    expect(hashes).toHaveLength(bandCount + 1);
    expect(new Set(hashes).size).toBe(bandCount + 1);
    for (const hash of hashes) expect(BigInt.asIntN(64, hash)).toBe(hash);
  });

  test.each([
    ['empty', ''],
    ['three words', 'bal import murah'],
    ['only emoji', '🔥'.repeat(50_000)],
    ['only digits', '0123456789'.repeat(10_000)],
    ['digits of another script', '٣'.repeat(100_000)],
    ['one word 20,000 times', 'bal '.repeat(20_000)],
    ['no spaces', 'ab'.repeat(50_000)],
    ['lone surrogates', '\ud83d '.repeat(50_000)],
    ['one endless address', `https://${'a.b/'.repeat(24_000)}`],
    ['only names', '@toko '.repeat(16_000)],
    ['e-mails', 'a@b.c '.repeat(16_000)],
    [
      'far characters',
      Array.from({ length: 50_000 }, (_, n) => String.fromCodePoint(0x1f300 + n))
        .join('')
        .replace(/\p{L}/gu, ''),
    ],
  ])('a text with too few words has none: %s', (_name, text) => {
    expect(fingerprint(text)).toBeNull();
  });

  test('a text of 100,000 units has a fingerprint of the usual size, and does not trouble the next', () => {
    const before = fingerprint(base);
    // Digits as letters, no letter twice in a row.
    const words = Array.from({ length: 14_000 }, (_, n) =>
      n.toString().replace(/\d/g, (digit) => `${'abcdefghij'[Number(digit)]}x`),
    );
    const long = fingerprint(words.join(' ').slice(0, 100_000));
    expect(long?.sketch).toHaveLength(sketchSize);
    expect(fingerprint(base)).toEqual(before);
  });

  test('takes any string, whatever was read before', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        const print = fingerprint(text);
        expect(createFingerprinter()(text)).toEqual(print);
        expect(
          print === null || print.sketch.every((value, n) => n === 0 || value > (print.sketch[n - 1] ?? 0)),
        ).toBe(true);
      }),
    );
  });
});
