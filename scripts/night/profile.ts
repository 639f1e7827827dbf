import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const projectDir = join(import.meta.dirname, '../..');

/** A .cpuprofile as V8 writes it; times are microseconds of the monotonic clock. */
const Profile = z.object({
  nodes: z.array(
    z.object({
      id: z.int(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.int() }),
    }),
  ),
  startTime: z.number(),
  samples: z.array(z.int()),
  timeDeltas: z.array(z.number()),
});

/** The monotonic clock, which all processes of a machine share, microseconds. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * Functions by the time they took themselves in all profiles of a folder, longest first; what their callees took is not
 * in it. `(idle)` is waiting, `(program)` is native code outside JavaScript.
 *
 * @param between the part of the profile that counts, microseconds of the monotonic clock
 */
export function topSelfTimes(
  folder: string,
  between: { fromUs: number; toUs: number },
): { name: string; share: number }[] {
  const selfUs = new Map<string, number>();
  let wholeUs = 0;
  for (const name of readdirSync(folder)) {
    const profile = Profile.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
    const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    let at = profile.startTime;
    profile.samples.forEach((sample, index) => {
      const tookUs = profile.timeDeltas[index] ?? 0;
      at += tookUs;
      if (at < between.fromUs || at > between.toUs) return;
      const called = names.get(sample) ?? '(unknown)';
      selfUs.set(called, (selfUs.get(called) ?? 0) + tookUs);
      wholeUs += tookUs;
    });
  }
  return [...selfUs]
    .sort(([, a], [, b]) => b - a)
    .map(([name, tookUs]) => ({ name, share: tookUs / wholeUs }));
}

function nameOf(frame: { functionName: string; url: string; lineNumber: number }): string {
  const called = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  if (frame.url === '') return called;
  const file = frame.url.startsWith('file:') ? relative(projectDir, fileURLToPath(frame.url)) : frame.url;
  return `${called} ${file.replace('node_modules/', '')}:${frame.lineNumber + 1}`;
}
