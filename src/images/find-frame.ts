/** Where in a picture its content lies, in pixels. */
export type Area = { left: number; top: number; width: number; height: number };

type Pixels = { rgb: Uint8Array; width: number; height: number };
type Side = 'left' | 'top' | 'right' | 'bottom';

/** How far a pixel may be from the colour of the frame in any channel, of 255: JPEG leaves such traces. */
const tolerance = 16;
/** Of a line of the frame at most this share is of another colour, and of the content's first line at least the other. */
const mostOther = 0.1;
const leastOther = 0.5;
/** Lines that may be neither, where scaling and JPEG blur the edge. */
const blurredLines = 6;
/** The lines before the last of these are not looked at: scaling mixes the outermost ones with what was around them. */
const leastFrameLines = 3;
/** Smaller pictures are left as they are; so is one of which less than this part would remain on a side. */
const leastSide = 64;
const leastRemaining = 0.25;
/** Frames may lie in each other: one that a copy was given, around one that the original has. */
const mostRounds = 6;

/**
 * Finds what lies inside the frames and bars of one colour around a picture, such as those that an added border or a
 * screenshot of a phone has. A frame ends at once and along most of a side; what ends little by little is the ground that a
 * thing lies on.
 *
 * @returns null where there is no frame
 */
export function insideFrame(pixels: Pixels): Area | null {
  if (pixels.width < leastSide || pixels.height < leastSide) return null;
  const area = takeFramesOff(pixels);
  return area.width === pixels.width && area.height === pixels.height ? null : area;
}

function takeFramesOff(pixels: Pixels): Area {
  const area = { left: 0, top: 0, width: pixels.width, height: pixels.height };
  for (let round = 0; round < mostRounds; round += 1) {
    const top = frameLines(pixels, area, 'top');
    const bottom = frameLines(pixels, area, 'bottom');
    if (area.height - top - bottom < pixels.height * leastRemaining) return area;
    area.top += top;
    area.height -= top + bottom;
    // Bars beside a picture show only once those above and below it are off.
    const left = frameLines(pixels, area, 'left');
    const right = frameLines(pixels, area, 'right');
    if (area.width - left - right < pixels.width * leastRemaining) return area;
    area.left += left;
    area.width -= left + right;
    if (top + bottom + left + right === 0) return area;
  }
  return area;
}

/** How many lines of frame there are on a side of an area; 0 where there is none. */
function frameLines(pixels: Pixels, area: Area, side: Side): number {
  const lines = side === 'left' || side === 'right' ? area.width : area.height;
  const frame = meanColour(pixels, area, side, leastFrameLines - 1);
  let blurred = 0;
  for (let line = leastFrameLines - 1; line < lines; line += 1) {
    const other = otherShare(pixels, area, side, line, frame);
    if (other >= leastOther) return line - blurred < leastFrameLines ? 0 : line;
    if (other > mostOther || blurred > 0) blurred += 1;
    if (blurred > blurredLines) return 0;
  }
  return 0;
}

/** Where a line of an area begins in the pixels, where its next pixel is, and how many it has. */
function lineOf(
  { width }: Pixels,
  area: Area,
  side: Side,
  line: number,
): { start: number; step: number; count: number } {
  const lying = side === 'top' || side === 'bottom';
  const row =
    side === 'top' ? area.top + line : side === 'bottom' ? area.top + area.height - 1 - line : area.top;
  const column =
    side === 'left' ? area.left + line : side === 'right' ? area.left + area.width - 1 - line : area.left;
  return {
    start: (row * width + column) * 3,
    step: lying ? 3 : width * 3,
    count: lying ? area.width : area.height,
  };
}

function meanColour(pixels: Pixels, area: Area, side: Side, line: number): [number, number, number] {
  const { start, step, count } = lineOf(pixels, area, side, line);
  const sum: [number, number, number] = [0, 0, 0];
  for (let pixel = 0, at = start; pixel < count; pixel += 1, at += step) {
    sum[0] += pixels.rgb[at] ?? 0;
    sum[1] += pixels.rgb[at + 1] ?? 0;
    sum[2] += pixels.rgb[at + 2] ?? 0;
  }
  return [sum[0] / count, sum[1] / count, sum[2] / count];
}

function otherShare(
  pixels: Pixels,
  area: Area,
  side: Side,
  line: number,
  [red, green, blue]: readonly [number, number, number],
): number {
  const { start, step, count } = lineOf(pixels, area, side, line);
  let other = 0;
  for (let pixel = 0, at = start; pixel < count; pixel += 1, at += step) {
    const farthest = Math.max(
      Math.abs((pixels.rgb[at] ?? 0) - red),
      Math.abs((pixels.rgb[at + 1] ?? 0) - green),
      Math.abs((pixels.rgb[at + 2] ?? 0) - blue),
    );
    if (farthest > tolerance) other += 1;
  }
  return other / count;
}
