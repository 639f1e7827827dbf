import { type Element, elements } from '../domain/element.ts';
import type { Span } from '../domain/score.ts';

/**
 * Spans as they are stored, by element, each `[start, end, weight]` or `[start, end, weight, picture]`: a third of their
 * size as objects, and they are half of what an assessment weighs.
 */
export type PackedSpans = Partial<Record<Element, PackedSpan[]>>;
type PackedSpan = [start: number, end: number, weight: number, picture?: number];

/** Packs spans; those of one element keep their order. */
export function packSpans(spans: readonly Span[]): PackedSpans {
  const packed: PackedSpans = {};
  for (const { element, start, end, weight, picture } of spans) {
    packed[element] ??= [];
    packed[element].push(picture === undefined ? [start, end, weight] : [start, end, weight, picture]);
  }
  return packed;
}

/** Unpacks spans, in the order of the elements. */
export function unpackSpans(packed: PackedSpans): Span[] {
  return elements.flatMap((element) =>
    (packed[element] ?? []).map(([start, end, weight, picture]) => ({
      start,
      end,
      element,
      weight,
      ...(picture === undefined ? {} : { picture }),
    })),
  );
}
