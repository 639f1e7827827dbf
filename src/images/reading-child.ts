/**
 * The process that reads text from pictures, started by reading-process.ts. Decoders and Tesseract run here and not in
 * the service, so that a picture that makes them crash, hang or swell takes down only this process.
 */
import os from 'node:os';
import { type KeptText, keepWords } from './kept-words.ts';
import { PictureError } from './picture-error.ts';
import type { ReadingAnswer, ReadingQuestion } from './reading-messages.ts';
import { openRecogniser, type Recogniser } from './recognise-text.ts';
import { textViews } from './text-views.ts';

/** How often memory is told where the parent cannot look it up. */
const tellMemoryMs = 200;

// Nobody waits for an answer once the parent is gone, whatever is being computed.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
if (!process.connected) process.kill(process.pid, 'SIGKILL');

// A terminal or service manager tells both of us to stop; the parent decides when a reading is broken off.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

// Whoever scores texts or answers requests on this machine goes first.
os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);

if (process.platform !== 'linux') {
  setInterval(() => {
    tell({ kind: 'memory', rssMib: rssMib() });
  }, tellMemoryMs).unref();
}

function rssMib(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

function tell(answer: ReadingAnswer): void {
  process.send?.(answer);
}

function tellFailure(error: unknown): void {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
  const problem = error instanceof PictureError ? error.problem : null;
  if (problem === 'too-many-pixels' || problem === 'not-a-picture' || problem === 'damaged') {
    tell({ kind: 'refused', problem, message });
  } else {
    tell({ kind: 'failed', message });
  }
}

async function read(recogniser: Recogniser, question: ReadingQuestion): Promise<KeptText> {
  let best = keepWords([], 1);
  for (const view of await textViews(question.bytes, question.maxPixels)) {
    const kept = keepWords(await recogniser.recognise(view), question.leastConfidence);
    if (kept.weight > best.weight) best = kept;
  }
  return best;
}

try {
  const recogniser = await openRecogniser();
  process.on('message', (question: ReadingQuestion) => {
    read(recogniser, question).then(
      ({ text, confidence }) => tell({ kind: 'read', text, confidence, rssMib: rssMib() }),
      (error: unknown) => tellFailure(error),
    );
  });
  tell({ kind: 'ready' });
} catch (error) {
  tellFailure(error);
}
