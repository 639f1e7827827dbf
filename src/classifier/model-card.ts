import type { Policy } from '../domain/policy.ts';
import { type Evaluation, formatEvaluation } from './evaluate.ts';
import type { TrainingSettings } from './train-network.ts';

/** What a model card tells of. */
export type ModelFacts = {
  version: string;
  dataHash: string;
  background: string[];
  counts: { train: number; validation: number; test: number };
  settings: TrainingSettings;
  backend: string;
  policy: Policy;
  validation: Evaluation;
  test: Evaluation;
};

/** The card that goes with a model: what it learned from, how good it is (bad slices first), and its limits. */
export function writeModelCard(facts: ModelFacts): string {
  const { policy, settings, counts } = facts;
  return `# Model ${facts.version}

A bag of hashed words, word pairs, stems and character runs, pooled and read by one hidden layer with six outputs:
the whole offence, and the five elements. ${settings.buckets} rows of ${settings.dimensions}, ${settings.hidden} hidden units, ${settings.epochs} epochs,
seed ${settings.seed}, trained on the ${facts.backend} backend.

## What it learned from
${counts.train} listings to learn, ${counts.validation} to calibrate and choose the policy, ${counts.test} to test, dealt by author's batch.
All were written for this project (data/DATA.md); none is a real seller's post. SHA-256 of the data: \`${facts.dataHash}\`.
${facts.background.length === 0 ? 'No other texts were used.' : `Background texts: ${facts.background.join(', ')}.`}

## How good it is
Figures with 95 % intervals: Wilson for shares, bootstrap for average precision and calibration error. Worst slice first.

### Test split (looked at once, after everything was chosen)
${formatEvaluation(facts.test)}

### Validation split (the policy was chosen and the calibration fitted on it, so it flatters)
${formatEvaluation(facts.validation)}

## Policy ${policy.version}
Flag at ${policy.flagAt}, watch at ${policy.watchAt}. Promise: precision of flags at least ${policy.promise.precisionLowerBound.toFixed(3)} (lower 95 % bound),
recall ${policy.promise.recall.toFixed(3)}, from ${policy.promise.flagged} flags among ${policy.promise.n} listings. Method: ${policy.promise.method}.

## Limits
- The listings were written by few authors. Real ones differ, and the promise holds only for listings like these.
- It reads text alone. A post whose offence stands in the picture is not seen.
- \`imported\` rests on trade talk; a seller who avoids all of it is missed.
- Probabilities near 0 and 1 rest on a few hundred listings.

## Not for
Deciding without a person; judging a person rather than a post; any language but Indonesian and what is mixed into it;
any goods but clothing.
`;
}
