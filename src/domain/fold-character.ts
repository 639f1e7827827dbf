/**
 * Letters of other alphabets that pass for Latin ones, after Unicode's list of confusables (UTS #39), as far as
 * sellers use them to get past word filters.
 */
const lookAlikes: Record<string, string> = {
  а: 'a',
  в: 'b',
  с: 'c',
  ԁ: 'd',
  е: 'e',
  һ: 'h',
  н: 'h',
  і: 'i',
  ј: 'j',
  к: 'k',
  ӏ: 'l',
  м: 'm',
  о: 'o',
  р: 'p',
  ԛ: 'q',
  г: 'r',
  ѕ: 's',
  т: 't',
  ц: 'u',
  ѵ: 'v',
  ԝ: 'w',
  х: 'x',
  у: 'y',
  п: 'n',
  и: 'n',
  α: 'a',
  β: 'b',
  ε: 'e',
  η: 'n',
  ι: 'i',
  κ: 'k',
  ν: 'v',
  ο: 'o',
  ρ: 'p',
  τ: 't',
  υ: 'u',
  χ: 'x',
  ω: 'w',
  ı: 'i',
  ł: 'l',
  ø: 'o',
  đ: 'd',
  ɑ: 'a',
  ɡ: 'g',
  ɩ: 'i',
  ʟ: 'l',
  ʙ: 'b',
  ɪ: 'i',
  ɴ: 'n',
  ʀ: 'r',
  ᴀ: 'a',
  ᴏ: 'o',
  ᴛ: 't',
  ᴘ: 'p',
  ᴍ: 'm',
  ᴇ: 'e',
  ᴋ: 'k',
  ᴜ: 'u',
  ꜱ: 's',
  ꜰ: 'f',
  ʜ: 'h',
  ɢ: 'g',
  ᴅ: 'd',
  ᴄ: 'c',
  ʏ: 'y',
  ᴠ: 'v',
  ᴡ: 'w',
};

/** First code points of the circled and squared capitals that NFKD leaves as they are. */
const boxedCapitals = [0x1f150, 0x1f170] as const;
const regionalIndicatorA = 0x1f1e6;

/** What kind of thing a folded character is. */
type CharacterKind = 'letter' | 'digit' | 'space' | 'mark' | 'symbol' | 'nothing';

/** A character as the classifier reads it; `text` is empty for `nothing`. */
export type FoldedCharacter = { text: string; kind: CharacterKind };

const invisible = /^[\p{Cf}\p{Mn}\p{Me}\p{Cc}\p{Cs}\u115F\u1160\u3164]$/u;
const letter = /^\p{L}+$/u;
const digit = /^\p{Nd}+$/u;
const symbol = /^[\p{So}\p{Sk}\p{Extended_Pictographic}]/u;

/**
 * Folds one code point: compatibility forms, accents, case and look-alikes go; zero-width characters, direction
 * controls and lone surrogates become nothing. Pure.
 */
export function fold(codePoint: number): FoldedCharacter {
  if (codePoint === 0x0a || codePoint === 0x0d || codePoint === 0x09) return { text: ' ', kind: 'space' };
  for (const first of boxedCapitals) {
    if (codePoint >= first && codePoint < first + 26)
      return { text: String.fromCharCode(97 + codePoint - first), kind: 'letter' };
  }
  if (codePoint >= regionalIndicatorA && codePoint < regionalIndicatorA + 26) {
    return { text: String.fromCodePoint(codePoint), kind: 'symbol' };
  }
  const character = String.fromCodePoint(codePoint);
  if (invisible.test(character)) return { text: '', kind: 'nothing' };
  const plain = character.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const text = lookAlikes[plain] ?? plain;
  if (text.trim() === '') return { text: ' ', kind: 'space' };
  if (letter.test(text)) return { text, kind: 'letter' };
  if (digit.test(text)) return { text: digitOf(text), kind: 'digit' };
  if (symbol.test(text)) return { text, kind: 'symbol' };
  return { text: text.charAt(0), kind: 'mark' };
}

/** Decimal digits of every script as 0 to 9: their code points stand in runs of ten from a multiple of two. */
function digitOf(text: string): string {
  if (/^[0-9]+$/.test(text)) return text;
  return Number.isNaN(Number(text)) ? '0' : text;
}
