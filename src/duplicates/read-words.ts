import { type CharacterTable, createCharacterTable, unitClass } from './character-table.ts';
import { hashStart, hashUnit, mix } from './hash.ts';

/** The words of a text as hashes, in order. The next text overwrites them; they are longer than `count`. */
export type Words = { count: number; hashes: Uint32Array };

const firstCapacity = 4_096;
/** Shorter words are the rest of something: "2 x", "d", a size, "k" for thousand. */
const leastLength = 2;
/** Words that only say that a number beside them is money. */
const moneyWords = ['rp', 'idr', 'rb', 'rbu', 'ribu', 'rebu', 'jt', 'juta', 'perak'];
const longestMoneyWord = 5;
/** Units that the reader looks at beyond the one in hand. */
const lookahead = 2;

const sign = { at: 0x40, dot: 0x2e, colon: 0x3a, slash: 0x2f, underscore: 0x5f } as const;

/**
 * Makes the function that reads a text's words. Folded are case, accents, look-alikes and repeated letters; left out
 * are words with a digit (prices, amounts, phone numbers, sizes), the names of money, links, @names, single letters,
 * emoji and punctuation: what changes when an offer is posted again. Linear in the text's length; takes any string.
 */
export function createWordReader(): (text: string) => Words {
  const table = createCharacterTable();
  const money = new Set(moneyWords.map(hashOfWord));
  let units = new Uint16Array(firstCapacity);
  let bytes = Buffer.from(units.buffer);
  let hashes = new Uint32Array(firstCapacity);
  return (text) => {
    if (text.length + lookahead > units.length) {
      units = new Uint16Array(2 * text.length + lookahead);
      bytes = Buffer.from(units.buffer);
      hashes = new Uint32Array(2 * text.length);
    }
    bytes.write(text, 'utf16le');
    units.fill(0, text.length, text.length + lookahead);
    return { count: readUnits(units, text.length, hashes, table, money), hashes };
  };
}

function hashOfWord(word: string): number {
  let hash = hashStart;
  for (let at = 0; at < word.length; at += 1) hash = hashUnit(hash, word.charCodeAt(at));
  return mix(hash) >>> 0;
}

/** One loop over typed arrays; answers how many words it wrote into `hashes`. */
function readUnits(
  units: Uint16Array,
  length: number,
  hashes: Uint32Array,
  table: CharacterTable,
  money: ReadonlySet<number>,
): number {
  const { classes, folded } = table;
  let count = 0;
  let hash = hashStart;
  let wordLength = 0;
  let lastUnit = 0;
  /** Whether the word is one to leave out: it has a digit, or belongs to a name or a link. */
  let dropped = false;
  /** How many words stood before this run of characters without a space, and whether a dot joined two of its words. */
  let countAtSpace = 0;
  let dotted = false;

  for (let at = 0; at <= length; at += 1) {
    const unit = at < length ? (units[at] ?? 0) : 0x20;
    let known = classes[unit] ?? 0;
    if (known === unitClass.unknown) known = table.learn(unit);
    if (known === unitClass.letter) {
      const value = folded[unit] ?? 0;
      if (value !== lastUnit) {
        hash = hashUnit(hash, value);
        wordLength += 1;
        lastUnit = value;
      }
      continue;
    }
    if (known === unitClass.nothing) continue;
    if (known === unitClass.digit) {
      dropped = true;
      wordLength += 1;
      continue;
    }
    if (known === unitClass.far) {
      const low = units[at + 1] ?? 0;
      const pair = unit < 0xdc00 && unit >= 0xd800 && at + 1 < length && low >= 0xdc00 && low < 0xe000;
      if (pair) at += 1;
      const letters = table.foldFar(pair ? ((unit - 0xd800) << 10) + (low - 0xdc00) + 0x10000 : unit);
      if (letters === '') continue;
      if (letters !== ' ') {
        if (letters === '0') dropped = true;
        for (let index = 0; index < letters.length; index += 1) {
          const value = letters.charCodeAt(index);
          if (value === lastUnit) continue;
          hash = hashUnit(hash, value);
          wordLength += 1;
          lastUnit = value;
        }
        continue;
      }
    }

    // The word ends here.
    if (wordLength > 0) {
      const word = mix(hash) >>> 0;
      if (!dropped && wordLength >= leastLength && !(wordLength <= longestMoneyWord && money.has(word))) {
        hashes[count] = word;
        count += 1;
      }
    }
    let skipping = false;
    if (known === unitClass.space) {
      countAtSpace = count;
      dotted = false;
    } else if (unit === sign.dot) {
      dotted ||= wordLength > 0 && classAt(units, at + 1, table) === unitClass.letter;
    } else if (unit === sign.slash && wordLength > 0 && dotted) {
      skipping = true; // wa.me/…, shopee.co.id/…
    } else if (unit === sign.colon && units[at + 1] === sign.slash && units[at + 2] === sign.slash) {
      skipping = true; // https://…
    } else if (unit === sign.at) {
      if (wordLength > 0) count = countAtSpace; // an address of e-mail
      at = endOfName(units, at + 1, length, table) - 1;
    }
    if (skipping) {
      count = countAtSpace;
      at = endOfRun(units, at, length, table) - 1;
    }
    hash = hashStart;
    wordLength = 0;
    lastUnit = 0;
    dropped = false;
  }
  return count;
}

function endOfRun(units: Uint16Array, from: number, length: number, table: CharacterTable): number {
  let at = from;
  for (; at < length; at += 1) if (classAt(units, at, table) === unitClass.space) break;
  return at;
}

function endOfName(units: Uint16Array, from: number, length: number, table: CharacterTable): number {
  let at = from;
  for (; at < length; at += 1) {
    const unit = units[at];
    if (unit === sign.dot || unit === sign.underscore) continue;
    const known = classAt(units, at, table);
    if (known !== unitClass.letter && known !== unitClass.digit && known !== unitClass.nothing) break;
  }
  return at;
}

function classAt(units: Uint16Array, at: number, { classes, learn }: CharacterTable): number {
  const unit = units[at] ?? 0;
  const known = classes[unit] ?? 0;
  return known === unitClass.unknown ? learn(unit) : known;
}
