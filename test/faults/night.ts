import type { Chance } from './mode.ts';

/** A night's scrape as one file, and what must come of it. */
export type Night = {
  name: string;
  /** Lines of the file. */
  lines: string[];
  /** The post of every row, in order; null for a row that cannot become a listing. */
  posts: (string | null)[];
};

/** Of these, the first and the third are flagged by the model in force. */
const texts = [
  'bal segel import korea jaket second',
  'soto ayam kampung enak',
  'thrift hoodie second import grade A 75k',
  'preloved pribadi blazer',
];

/** Shares of rows that are bad, that repeat a post, and that repeat it with another text of the same kind. */
const badShare = 0.01;
const repeatedShare = 0.04;
const editedShare = 0.02;

/**
 * Makes a night of `rows` listings with post ids of its own, among them repeated posts and bad rows.
 *
 * @param change.before posts of this earlier night are repeated as well
 * @param change.textOf says another text for some rows, counted from 1
 */
export function makeNight(
  name: string,
  rows: number,
  chance: Chance,
  change: { before?: Night; textOf?(row: number): string | null } = {},
): Night {
  const posts: (string | null)[] = [];
  const lines: string[] = [];
  const known = (change.before?.posts ?? []).filter((post) => post !== null);
  for (let row = 1; row <= rows; row += 1) {
    const text = change.textOf?.(row) ?? null;
    const lot = text === null ? chance.random() : 1;
    if (lot < badShare) {
      posts.push(null);
      lines.push(`${JSON.stringify({ postId: `${name}-bad-${row}`, platform: 'x', text: '' })}\n`);
      continue;
    }
    const repeats = lot < badShare + repeatedShare + editedShare && known.length > 0;
    const post = repeats ? chance.pick(known) : `${name}-${row}`;
    const edited = repeats && lot < badShare + editedShare;
    if (!repeats) known.push(post);
    posts.push(post);
    // The number at the post's end decides the text, so that a repeated post has the text it had.
    const number = Number(post.split('-').at(-1));
    const standard = `${texts[number % texts.length]} nomor ${number}${edited ? ' bu' : ''}`;
    lines.push(`${JSON.stringify({ postId: post, platform: 'x', text: text ?? standard })}\n`);
  }
  return { name, lines, posts };
}
