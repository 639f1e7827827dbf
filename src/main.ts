#!/usr/bin/env node
import './compile-cache.ts';

// Not a plain import: those are loaded before the line above is run.
const { runCommandLine } = await import('./commands/command-line.ts');

process.exitCode = await runCommandLine(process.argv);
