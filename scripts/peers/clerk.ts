import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from './peer.ts';

const keywordFile = join(import.meta.dirname, 'clerk-keywords.txt');
/** A clerk flags a text with at least so many of the words. */
const clerkHits = 2;
/** measureThresholds tries hundredths, so a hundredth for each hit makes it try every number of hits. */
const perHit = 0.01;
const mostHits = 99;

/** The clerk's list, once at the threshold that suits it best and once as a clerk would use it. */
export function clerkPeers(): Peer[] {
  const count = createKeywordCounter(readFileSync(keywordFile, 'utf8'));
  const list: Peer = {
    name: 'keyword list',
    score: (texts) => texts.map((text) => Math.min(count(text), mostHits) * perHit),
    describeThreshold(flagAt) {
      const hits = Math.round(flagAt / perHit);
      return hits === 1 ? '1 word' : `${hits} words`;
    },
  };
  return [list, { ...list, name: `keyword list, at ${clerkHits} words`, flagAt: clerkHits * perHit }];
}

/** Counts the different keywords in a text; of overlapping ones the longest, so that "bal press" is one and not two. */
function createKeywordCounter(list: string): (text: string) => number {
  const patterns = list
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().toLowerCase())
    .filter((keyword) => keyword !== '')
    .sort((a, b) => b.length - a.length)
    .map((keyword) => keyword.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/\s+/g, '\\s+'));
  const anyKeyword = new RegExp(`(?<![\\p{L}\\p{N}])(?:${patterns.join('|')})(?![\\p{L}\\p{N}])`, 'gu');
  return (text) =>
    new Set(Array.from(text.toLowerCase().matchAll(anyKeyword), ([hit]) => hit.replace(/\s+/g, ' '))).size;
}
