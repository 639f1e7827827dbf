/**
 * Compiles the classifier's kernel from AssemblyScript to the file beside it, which is kept in the repository so that
 * running saring needs no compiler.
 * Usage: node scripts/build-kernel.ts [--check]
 *   --check  only say, by the exit code, whether the file is what the source compiles to
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';

const folder = join(import.meta.dirname, '../src/classifier/kernel');
const binary = join(folder, 'kernel.wasm');

async function compile(): Promise<Uint8Array> {
  let compiled: Uint8Array | null = null;
  const { error, stderr } = await asc.main(
    ['assembly.ts', '--outFile', 'out.wasm', '-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd'],
    {
      readFile: (name) => (name === 'assembly.ts' ? readFileSync(join(folder, name), 'utf8') : null),
      writeFile(_name, contents) {
        compiled = typeof contents === 'string' ? Buffer.from(contents) : contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null) throw new Error(`the kernel does not compile:\n${stderr.toString()}`, { cause: error });
  if (compiled === null) throw new Error('the compiler wrote nothing');
  return compiled;
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const compiled = await compile();
if (!values.check) writeFileSync(binary, compiled);
else if (!readFileSync(binary).equals(compiled)) {
  console.error('kernel.wasm is not what assembly.ts compiles to; run: node scripts/build-kernel.ts');
  process.exitCode = 1;
}
