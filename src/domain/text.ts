/**
 * The text as PostgreSQL can store it: NUL and lone surrogates, which it refuses, become U+FFFD. Each is one UTF-16
 * code unit and so is its replacement, which keeps every offset true.
 */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\uFFFD');
}
