import { readFileSync } from 'node:fs';

/** Resident memory of another process in MiB, or null where this system does not tell or the process is gone. */
export function residentMib(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : Number(kib) / 1024;
  } catch {
    return null;
  }
}
