import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of a second, in which the kernel tells processor time. */
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Ids of processes by the part they play. */
export type ProcessesByPart = Readonly<Record<string, readonly number[]>>;

/** Seconds of processors by who took them. */
export type ProcessorTime = {
  /** By part, user and system, and of this process alone as `sender`: what it started are the parts. */
  took: Record<string, number>;
  /** By part: time that threads were ready and waited for a processor. */
  waited: Record<string, number>;
  /** What everybody else on this machine took, the host of a virtual machine included: a quiet one has next to none. */
  others: number;
};

type Look = { took: Record<string, number>; waited: Record<string, number>; machine: number };

/** Starts to count; what it gives tells what was taken since. */
export function watchProcessors(parts: ProcessesByPart): () => ProcessorTime {
  const before = look(parts);
  return () => {
    const now = look(parts);
    const took = difference(now.took, before.took);
    return {
      took,
      waited: difference(now.waited, before.waited),
      others: Math.max(0, now.machine - before.machine - sum(Object.values(took))),
    };
  };
}

/** The sum of some seconds. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

function difference(now: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(now).map(([part, seconds]) => [part, Math.max(0, seconds - (before[part] ?? 0))]),
  );
}

function look(parts: ProcessesByPart): Look {
  const times = readAllTimes();
  const { user, system } = process.cpuUsage();
  const took: Record<string, number> = { sender: (user + system) / 1e6 };
  const waited: Record<string, number> = {};
  for (const [part, pids] of Object.entries(parts)) {
    const families = pids.flatMap((pid) => familyOf(pid, times));
    took[part] = sum(families.map((pid) => times.get(pid)?.ticks ?? 0)) / ticksPerSecond;
    waited[part] = sum(families.map(waitedSeconds));
  }
  return { took, waited, machine: machineSeconds() };
}

type ProcessTimes = {
  parent: number;
  /** Its own and those of its children that have ended. */
  ticks: number;
};

function readAllTimes(): Map<number, ProcessTimes> {
  const times = new Map<number, ProcessTimes>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readIfThere(`/proc/${pid}/stat`) : null;
    if (stat === null) continue;
    // The second field is the program's name in brackets and may hold anything; see proc(5) for fields 4 and 14 to 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3]);
    times.set(pid, { parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) });
  }
  return times;
}

/** A process and all that it started, such as PostgreSQL's backends. */
function familyOf(pid: number, times: ReadonlyMap<number, ProcessTimes>): number[] {
  const children = [...times].filter(([, { parent }]) => parent === pid).map(([child]) => child);
  return [pid, ...children.flatMap((child) => familyOf(child, times))];
}

/** Of the threads that a process has now. */
function waitedSeconds(pid: number): number {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return 0;
  }
  // Nanoseconds on a processor, nanoseconds waited for one, turns.
  const waits = threads.map((thread) => readIfThere(`/proc/${pid}/task/${thread}/schedstat`)?.split(' ')[1]);
  return sum(waits.map((ns) => Number(ns ?? 0))) / 1e9;
}

/** What all processors of this machine were busy with since it started. */
function machineSeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, _idle, _iowait, irq = 0, softirq = 0, steal = 0] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Null where the process has ended in the meantime. */
function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** The most memory a process has had at a time, MiB. */
export function peakMemoryMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}
