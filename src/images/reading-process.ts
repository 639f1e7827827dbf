import { type ChildProcess, fork } from 'node:child_process';
import { PictureError } from './picture-error.ts';
import { residentMib } from './process-memory.ts';
import { ReadingAnswer, type ReadingQuestion } from './reading-messages.ts';

export type ReadingLimits = {
  /** For one picture, from asking to the answer; starting the process has its own time. */
  timeoutMs: number;
  /** Resident memory of the process, MiB. */
  maxRssMib: number;
};

/** One process that reads pictures, for as long as it lives. */
export type ReadingProcess = {
  /** Whether it can be asked: not ended, and not so swollen that a fresh one is better. */
  readonly fit: boolean;
  /** Settles when it has been ended and is gone. */
  readonly gone: Promise<void>;
  /**
   * Reads one picture; one at a time. Whatever ends without an answer ends the process too.
   *
   * @throws PictureError reading-failed, too-many-pixels, not-a-picture, damaged
   * @throws the signal's reason when it is aborted
   */
  ask(question: ReadingQuestion, signal?: AbortSignal): Promise<{ text: string; confidence: number }>;
  end(): void;
};

const script = new URL('./reading-child.ts', import.meta.url);
/** Loading Tesseract and its models takes half a second, on a busy machine a few. */
const startTimeoutMs = 30_000;
const watchMemoryMs = 50;
/** The share of the memory limit from which a process is replaced between two pictures rather than killed during one. */
const swollenFrom = 0.75;

/**
 * Starts a process and waits until it can read.
 *
 * @param signal breaks the start off
 * @param nodeOptions for its node, which takes none over from ours
 * @throws PictureError reading-failed where it cannot start
 */
export async function startReadingProcess(
  limits: ReadingLimits,
  signal?: AbortSignal,
  nodeOptions: string[] = [],
): Promise<ReadingProcess> {
  const child = fork(script, {
    execArgv: nodeOptions, // or it would take over a debugger's port from ours
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'], // Tesseract and decoders print at will
    serialization: 'advanced', // bytes go over as bytes
  });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.on('error', () => child.pid === undefined && resolve()); // which could not even be started
  });
  let fit = true;

  const ready = await nextAnswer(child, { ...limits, timeoutMs: startTimeoutMs }, signal);
  if (ready.kind !== 'ready') {
    child.kill('SIGKILL');
    throw failed(
      `the reading process cannot start${ready.kind === 'failed' ? `: ${ready.message}` : ''}`,
      true,
    );
  }
  rest(child);

  return {
    get fit() {
      return fit && child.connected;
    },
    gone,
    async ask(question, signal) {
      wake(child);
      try {
        const answering = nextAnswer(child, limits, signal);
        child.send(question, () => {}); // a failure to send is an exit, which nextAnswer sees
        const answer = await answering;
        if (answer.kind === 'read' && answer.rssMib > limits.maxRssMib * swollenFrom) fit = false;
        return textOf(answer);
      } catch (error) {
        // After a failure inside, the state of Tesseract is not to be trusted.
        if (!(error instanceof PictureError) || error.problem === 'reading-failed') fit = false;
        throw error;
      } finally {
        if (!fit) child.kill('SIGKILL');
        rest(child);
      }
    },
    end() {
      fit = false;
      wake(child); // so that whoever waits for it to be gone hears of it
      child.kill('SIGKILL');
    },
  };
}

/** None of our secrets. Fewer arenas give more memory back to the system. */
function childEnvironment(): NodeJS.ProcessEnv {
  const { TMPDIR } = process.env;
  return { MALLOC_ARENA_MAX: '2', ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

function textOf(answer: ReadingAnswer): { text: string; confidence: number } {
  if (answer.kind === 'read') return { text: answer.text, confidence: answer.confidence };
  if (answer.kind === 'refused') throw new PictureError(answer.problem, answer.message, { passing: false });
  throw failed(`the text could not be read${answer.kind === 'failed' ? `: ${answer.message}` : ''}`, true);
}

/** The next thing a process says, other than how much memory it takes. It is killed where nothing comes of it. */
function nextAnswer(
  child: ChildProcess,
  limits: ReadingLimits,
  signal?: AbortSignal,
): Promise<ReadingAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => stop(failed(`no answer after ${limits.timeoutMs / 1000} s`, true)),
      limits.timeoutMs,
    );
    const watch = setInterval(() => {
      if (child.pid !== undefined) checkMemory(residentMib(child.pid) ?? 0);
    }, watchMemoryMs);

    function settle(): void {
      clearTimeout(timer);
      clearInterval(watch);
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
    }
    function stop(reason: unknown): void {
      settle();
      child.kill('SIGKILL');
      reject(reason);
    }
    function checkMemory(rssMib: number): void {
      // What one picture made of a fresh process it will make of the next one too.
      if (rssMib > limits.maxRssMib) stop(failed(`reading takes more than ${limits.maxRssMib} MiB`, false));
    }
    function onMessage(message: unknown): void {
      const answer = ReadingAnswer.safeParse(message);
      if (!answer.success) {
        stop(failed('the reading process said nothing sensible', false));
      } else if (answer.data.kind === 'memory') {
        checkMemory(answer.data.rssMib);
      } else {
        settle();
        resolve(answer.data);
      }
    }
    function onExit(code: number | null, killedBy: string | null): void {
      stop(failed(`the reading process ended with ${killedBy ?? code}`, true));
    }
    function onError(cause: Error): void {
      stop(failed('the reading process failed', true, cause));
    }
    function onAbort(): void {
      stop(signal?.reason);
    }
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.on('error', onError);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    else if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
  });
}

function failed(what: string, passing: boolean, cause?: Error): PictureError {
  return new PictureError('reading-failed', what, { passing, cause });
}

/** An idle process keeps nobody from ending: it goes when we go. */
function rest(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

function wake(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}
