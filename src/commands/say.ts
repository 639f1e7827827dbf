/** Prints what was asked for, to standard output. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints what a person should know besides, to standard error. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
