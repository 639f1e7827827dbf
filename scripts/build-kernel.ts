/**
 * Compiles the kernels of the classifier and of the pictures from AssemblyScript to the files beside them, which are kept
 * in the repository so that running saring needs no compiler.
 * Usage: node scripts/build-kernel.ts [--check]
 *   --check  only say, by the exit code, whether the files are what the sources compile to
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';

const folders = ['src/classifier/kernel', 'src/images/kernel'];

async function compile(folder: string): Promise<Uint8Array> {
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
for (const folder of folders) {
  const whole = join(import.meta.dirname, '..', folder);
  const binary = join(whole, 'kernel.wasm');
  const compiled = await compile(whole);
  if (!values.check) writeFileSync(binary, compiled);
  else if (!readFileSync(binary).equals(compiled)) {
    console.error(
      `${folder}/kernel.wasm is not what its assembly.ts compiles to; run: node scripts/build-kernel.ts`,
    );
    process.exitCode = 1;
  }
}
