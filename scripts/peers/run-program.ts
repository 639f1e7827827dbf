import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';

/** Runs a program to its end and returns its standard output, unless `outFile` gets that. */
export function runProgram([program = '', ...args]: readonly string[], outFile?: string): string {
  const file = outFile === undefined ? null : openSync(outFile, 'w');
  try {
    const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
      stdio: ['ignore', file ?? 'pipe', 'pipe'],
      encoding: 'utf8',
      maxBuffer: Number.POSITIVE_INFINITY,
    });
    if (error !== undefined) throw error;
    if (status !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${status ?? signal}: ${stderr}`);
    return stdout;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** Writes lines, each ended. */
export function writeLines(file: string, lines: readonly string[]): void {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
}

/** Writes one JSON object a line. */
export function writeNdjson(file: string, rows: readonly object[]): void {
  writeLines(
    file,
    rows.map((row) => JSON.stringify(row)),
  );
}

/** Reads the lines of a file. */
export function readLines(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}
