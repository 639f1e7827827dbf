import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of a second, in which the kernel tells processor time. */
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

type ProcessTimes = { parent: number; own: number; ofEndedChildren: number };

/**
 * Processor seconds, user and system, that a process has taken since it began, with its children: those that run and those
 * that have ended (see proc(5), stat). PostgreSQL's backends are such children.
 */
function processorSeconds(pid: number): number {
  const times = new Map<number, ProcessTimes>();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (!Number.isInteger(id)) continue;
    const read = timesOf(id);
    if (read !== null) times.set(id, read);
  }
  const ticks = (id: number): number => {
    const { own = 0, ofEndedChildren = 0 } = times.get(id) ?? {};
    const children = [...times].filter(([, { parent }]) => parent === id);
    return own + ofEndedChildren + children.reduce((sum, [child]) => sum + ticks(child), 0);
  };
  return ticks(pid) / ticksPerSecond;
}

/** Null when the process has ended in the meantime. */
function timesOf(pid: number): ProcessTimes | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the program's name in brackets and may hold anything; fields 4 and 14 to 17 are wanted.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return { parent: field(4), own: field(14) + field(15), ofEndedChildren: field(16) + field(17) };
}

/** The most memory a process has had at a time, MiB. */
export function peakMemoryMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Ids of processes by the part they play. */
export type ProcessesByPart = Readonly<Record<string, readonly number[]>>;

/** As `processorSeconds`, by part, and that of this process alone as `sender`: what it started are the parts. */
export function processorSecondsByPart(parts: ProcessesByPart): Record<string, number> {
  const { user, system } = process.cpuUsage();
  const ofParts = Object.entries(parts).map(([part, pids]) => [
    part,
    pids.reduce((sum, pid) => sum + processorSeconds(pid), 0),
  ]);
  return { ...Object.fromEntries(ofParts), sender: (user + system) / 1e6 };
}

/** What was taken since an earlier look. */
export function processorSince(
  before: Readonly<Record<string, number>>,
  parts: ProcessesByPart,
): Record<string, number> {
  const now = Object.entries(processorSecondsByPart(parts));
  return Object.fromEntries(now.map(([part, seconds]) => [part, seconds - (before[part] ?? 0)]));
}
