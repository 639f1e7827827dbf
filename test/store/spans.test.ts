import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elements } from '../../src/domain/element.ts';
import type { Span } from '../../src/domain/score.ts';
import { packSpans, unpackSpans } from '../../src/store/spans.ts';

const aSpan = fc
  .record(
    {
      start: fc.nat(100_000),
      end: fc.nat(100_000),
      element: fc.constantFrom(...elements),
      weight: fc.double({ noNaN: true, noDefaultInfinity: true }),
      picture: fc.integer({ min: 1, max: 50 }),
    },
    { requiredKeys: ['start', 'end', 'element', 'weight'] },
  )
  // -0 and 0 say the same, and JSON knows one of them.
  .map((span) => ({ ...span, weight: span.weight + 0 }));

test('packed spans come back from JSON as they were, those of one element in their order', () => {
  fc.assert(
    fc.property(fc.array(aSpan), (spans) => {
      const back = unpackSpans(JSON.parse(JSON.stringify(packSpans(spans))));
      const inOrder: Span[] = elements.flatMap((element) => spans.filter((span) => span.element === element));
      expect(back).toEqual(inOrder);
    }),
  );
});
