import type { Classifier } from './classifier/classifier.ts';
import type { Assessment } from './domain/assessment.ts';
import type { CaptureStanding } from './domain/picture.ts';
import type { Span } from './domain/score.ts';
import { createFingerprinter } from './duplicates/fingerprint-text.ts';
import type { KnownPictures } from './known-pictures.ts';
import { enqueueFlags } from './review/enqueue-flags.ts';
import { type Capture, countShown, standingsOf } from './store/captures.ts';
import { type Db, inTransaction } from './store/db.ts';
import { findOrMakeGroups } from './store/duplicate-groups.ts';
import { listPictures } from './store/pictures.ts';
import { lockListing, replaceAssessment } from './store/replace-assessment.ts';
import { addMatches, type KnownPicture, weighMatches } from './triage/picture-matches.ts';
import { assess } from './triage/triage.ts';

/** Scores listings once more, with what is known of their pictures. */
export type Rescorer = {
  /**
   * Scores a listing with the text of its pictures and with pictures known from elsewhere. What changes becomes the
   * assessment in force, recorded beside the earlier ones; what stays the same leaves no trace.
   */
  rescore(listingId: string): Promise<void>;
};

/** Between the texts of a listing and its pictures: too far apart for words to be taken as neighbours. */
const between = '\n\n';
/** Smaller changes of a probability are rounding. */
const leastChange = 1e-6;

export function createRescorer(deps: {
  db: Db;
  classifier: Classifier;
  known: KnownPictures;
  onAssessed(assessments: readonly Pick<Assessment, 'verdict'>[]): void;
}): Rescorer {
  const { db, classifier, known, onAssessed } = deps;
  const fingerprint = createFingerprinter();

  async function knownPictures(
    trx: Db,
    listingId: string,
    captures: readonly (Capture | null)[],
  ): Promise<KnownPicture[]> {
    const found: KnownPicture[] = [];
    for (const [place, capture] of captures.entries()) {
      if (capture === null || isSilenced(capture.standing)) continue;
      const alike = known.find(capture);
      const standings = await standingsOf(
        trx,
        alike.map(({ sha256 }) => sha256),
      );
      const speaking = alike.filter(({ sha256 }) => !isSilenced(standings.get(sha256) ?? null));
      const [nearest] = speaking;
      if (nearest === undefined) continue;
      const counts = await countShown(
        trx,
        speaking.map(({ sha256 }) => sha256),
        listingId,
      );
      const banked = speaking.some(({ sha256 }) => standings.get(sha256) === 'banked');
      if (counts.listings > 0 || banked) found.push({ picture: place + 1, ...nearest, ...counts, banked });
    }
    return found;
  }

  /**
   * The group of a listing's text, also of one that was clear until now, since pictures may make it a flag. Looked for
   * before the listing is locked, as new groups are written outside any transaction.
   */
  async function groupOf(listingId: string): Promise<{ text: string; groupId: string | null }> {
    const listing = await db
      .selectFrom('listing')
      .where('id', '=', listingId)
      .select(['text', 'duplicate_group_id'])
      .executeTakeFirst();
    if (listing === undefined) return { text: '', groupId: null };
    const [found = null] =
      listing.duplicate_group_id === null ? await findOrMakeGroups(db, [fingerprint(listing.text)]) : [];
    return { text: listing.text, groupId: listing.duplicate_group_id ?? found };
  }

  return {
    async rescore(listingId) {
      await known.refresh();
      const { text, groupId: ownGroup } = await groupOf(listingId);
      const changed = await inTransaction(db, async (trx) => {
        // The lock first: of two that score one listing, the later one then knows what the earlier one knew.
        const listing = await lockListing(trx, listingId);
        if (listing === null) return null;
        const pictures = (await listPictures(trx, [listingId])).get(listingId) ?? [];
        const captures = pictures.map(({ capture }) => capture);
        const matches = weighMatches(await knownPictures(trx, listingId, captures));
        const texts = captures.map((capture) => capture?.text ?? '');
        const silent = matches.length === 0 && texts.every((text) => text === '');
        const joined = [listing.text, ...texts].join(between);
        const [plain] = classifier.scoreMany([joined], { spans: true });
        if (plain === undefined) throw new Error('the classifier gave no score');
        const spans = plain.spans.flatMap((span) => placed(span, listing.text, texts));
        const score = addMatches({ ...plain, spans }, matches);
        const assessment = assess(score, classifier.policy, {
          captures: silent ? [] : captures.map((capture) => capture?.sha256 ?? null),
          pictureMatches: matches,
        });
        if (isSame(assessment, listing.assessment)) return null;
        const groupId = listing.duplicateGroupId ?? (listing.text === text ? ownGroup : null);
        const saved = await replaceAssessment(trx, listing, assessment, groupId);
        if (assessment.verdict === 'flag') await enqueueFlags(trx, [saved]);
        return assessment;
      });
      if (changed !== null) onAssessed([changed]);
    },
  };
}

/** Whether people said that a picture is not to be matched. */
function isSilenced(standing: CaptureStanding | null): boolean {
  return standing === 'harmless' || standing === 'off';
}

/** A span of the joined text as one of the listing's text, or of the picture's text that it stands in. */
function placed(span: Span, text: string, pictureTexts: readonly string[]): Span[] {
  if (span.end <= text.length) return [span];
  let begin = text.length + between.length;
  for (const [place, { length }] of pictureTexts.entries()) {
    if (span.start >= begin && span.end <= begin + length)
      return [{ ...span, start: span.start - begin, end: span.end - begin, picture: place + 1 }];
    begin += length + between.length;
  }
  return []; // across two texts, which no reader could be shown
}

function isSame(one: Assessment, other: Omit<Assessment, 'spans'> | null): boolean {
  return (
    other !== null &&
    one.modelVersion === other.modelVersion &&
    one.policyVersion === other.policyVersion &&
    Math.abs(one.probability - other.probability) < leastChange &&
    one.captures.join() === other.captures.join() &&
    JSON.stringify(one.pictureMatches) === JSON.stringify(other.pictureMatches)
  );
}
