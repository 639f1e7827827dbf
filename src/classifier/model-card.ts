import { type Element, elements } from '../domain/element.ts';
import type { Policy } from '../domain/policy.ts';
import { type Evaluation, formatEvaluation, share } from './evaluate.ts';
import { type Evasion, formatEvasion } from './evasion.ts';
import type { Estimate } from './intervals.ts';
import type { TrainingSettings } from './train-network.ts';

/** What a model card tells of. */
export type ModelFacts = {
  version: string;
  /** Of the corpus alone, and of all that was learned from. */
  corpusHash: string;
  dataHash: string;
  /** How many background texts of each collection were learned from. */
  sources: Record<string, number>;
  counts: { train: number; validation: number; test: number };
  settings: TrainingSettings;
  backend: string;
  policy: Policy;
  validation: Evaluation;
  test: Evaluation;
  background: Evaluation | null;
  /** Expected calibration error of each element. */
  elementErrors: Record<'validation' | 'test', Record<Element, Estimate>>;
  /** On the test split. */
  evasion: Evasion;
};

/** Collections of real texts, with what their licences ask to be said. */
const notices: Record<string, string> = {
  'PRDECT-ID':
    'product names and reviews from PRDECT-ID (R. Sutoyo and others, 2022, doi:10.1016/j.dib.2022.108554; MIT licence)',
  'IndoNLU smsa':
    'opinions from IndoNLU SmSA (indobenchmark, Wilie and others, 2020; Apache-2.0 and MIT licences)',
  'IndoNLU emot':
    'posts from IndoNLU EmoT (indobenchmark, Wilie and others, 2020; Apache-2.0 and MIT licences)',
};

/** The card that goes with a model: what it learned from, how good it is (bad slices first), and its limits. */
export function writeModelCard(facts: ModelFacts): string {
  const { policy, settings, counts } = facts;
  return `# Model ${facts.version}

A bag of hashed words, word pairs and character runs, pooled and read by one hidden layer with six outputs:
the whole offence, and the five elements. It is the mean of ${settings.members.length} networks side by side, with ${listOf(settings.members.map(({ dimensions }) => dimensions))} columns
of ${settings.buckets} rows and ${listOf(settings.members.map(({ hidden }) => hidden))} hidden units. ${settings.epochs} epochs, seed ${settings.seed}, trained on the ${facts.backend} backend.

## What it learned from
${counts.train} listings to learn, ${counts.validation} to calibrate and choose the policy, ${counts.test} to test; each by other authors.
All were written for this project (data/DATA.md); none is a real seller's post. SHA-256 of the data: \`${facts.dataHash}\`.
${describeBackground(facts.sources)}

## How good it is
Figures with 95 % intervals: Wilson for shares, bootstrap for average precision and calibration error. Worst slice first.

### Test split (nothing was fitted to it; see the limits)
${formatEvaluation(facts.test)}

${facts.background === null ? '' : `### Background texts that had no part in learning or choosing (real; none offers imported used clothing)\n${formatEvaluation(facts.background)}\n\n`}### Validation split (the policy was chosen and the calibration fitted on it, so it flatters)
${formatEvaluation(facts.validation)}

### Calibration error of each element (Platt scaling, fitted on validation)
| element | validation | test |
| --- | --- | --- |
${elements.map((element) => `| ${element} | ${share(facts.elementErrors.validation[element])} | ${share(facts.elementErrors.test[element])} |`).join('\n')}

### Ways to hide (recall of the test split's offers; the model was taught with the same ways, drawn otherwise)
${formatEvasion(facts.evasion)}

## Policy ${policy.version}
Flag at ${policy.flagAt}, watch at ${policy.watchAt}. Promise: precision of flags at least ${policy.promise.precisionLowerBound.toFixed(3)} (lower 95 % bound),
recall ${policy.promise.recall.toFixed(3)}, from ${policy.promise.flagged} flags among ${policy.promise.n} listings. Method: ${policy.promise.method}.
${describeFalseFlags(policy)}

## Limits
- The listings were written by few authors. Real ones differ, and the promise holds only for listings like these.
- It reads text alone. A post whose offence stands in the picture is not seen.
- \`imported\` rests on trade talk; a seller who avoids all of it is missed.
- Probabilities near 0 and 1 rest on a few hundred listings.
- Test figures of earlier versions were seen while this one was made, so its own are somewhat kind. So is what is promised of
  false flags where a seed was chosen too: seeds differ in the few strangest texts.

## Not for
Deciding without a person; judging a person rather than a post; any language but Indonesian and what is mixed into it;
any goods but clothing.
`;
}

function listOf(numbers: readonly number[]): string {
  return `${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1)}`;
}

function describeFalseFlags({ promise: { falseFlags } }: Policy): string {
  if (falseFlags === undefined)
    return 'Of false flags on real texts it promises nothing, since it was made without any.';
  const { per10k, flagged, n, method } = falseFlags;
  return `False flags: at most ${per10k.toFixed(0)} in 10,000 real texts, from ${flagged} flagged among ${n} that had a say in the threshold. Method: ${method}.`;
}

function describeBackground(sources: Record<string, number>): string {
  const lines = Object.entries(sources).map(([source, count]) => `- ${count} ${notices[source] ?? source}`);
  if (lines.length === 0) return 'No other texts were used.';
  return `Besides, real texts that offer nothing of the kind, as negatives:\n\n${lines.join('\n')}`;
}
