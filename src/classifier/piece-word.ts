/** Digits and signs that stand for letters inside words. */
export const leet: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '6': 'g',
  '7': 't',
  '8': 'b',
  '9': 'g',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'l',
  '€': 'e',
};

/** Amounts: 25k, 35rb, 1,2jt, 100kg, 200pcs, 2xl, 90an. */
const amount =
  /^(?:rp|idr)?(\d+)(k|rb|ribu|jt|juta|kg|kilo|pcs|pc|cm|gr|gb|ml|x|an|s|m|l|xl|xxl|th|an|hr|hari|bln|%|ac)?$/;
const phoneDigits = 9;

/**
 * The word that a folded piece of text is read as: letters squeezed, with leet resolved among them, and amounts and
 * phone numbers as classes such as `#cheap`.
 */
export function wordOfPiece(text: string): string {
  const counted = amount.exec(text);
  if (counted !== null) return amountClass(counted[1] ?? '', counted[2] ?? '');
  return /\p{L}/u.test(text) ? squeeze(resolveLeet(text)) : '#';
}

function amountClass(number: string, unit: string): string {
  if (number.length >= phoneDigits) return '#phone';
  if (unit === 'k' || unit === 'rb' || unit === 'ribu') return number.length <= 2 ? '#cheap' : '#price';
  if (unit === 'jt' || unit === 'juta') return '#million';
  return `#${Math.min(number.length, 7)}${unit}`;
}

function resolveLeet(text: string): string {
  let resolved = '';
  for (const character of text) resolved += leet[character] ?? character;
  return resolved;
}

/** Every run of one letter as one: "ballpresss" and "balpres" are the same word, and no Indonesian word suffers. */
function squeeze(text: string): string {
  return text.replace(/(.)\1+/gsu, '$1');
}
