/** A parent that reads one picture, says which process did it, and goes on with another one. */
import { readFileSync } from 'node:fs';
import { createTextReader } from '../../../src/images/read-text.ts';

const reader = createTextReader();
const [quick = '', slow = ''] = process.argv.slice(2);
await reader.read(readFileSync(quick));
process.stdout.write(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8'));
await reader.read(readFileSync(slow));
