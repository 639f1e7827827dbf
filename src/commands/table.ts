/** Everything in a listing that could move a terminal's cursor, change its colours or its direction. */
const control = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** A seller's text on one line of at most `width` characters, harmless to a terminal. */
export function oneLine(text: string, width: number): string {
  const plain = [...text.replace(control, ' ').replace(/\s+/g, ' ').trim()];
  return plain.length <= width ? plain.join('') : `${plain.slice(0, width - 1).join('')}…`;
}

/** Columns as wide as their widest cell, two spaces apart. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_name, column) =>
    Math.max(...lines.map((line) => [...(line[column] ?? '')].length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
