import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { AppError } from '../domain/app-error.ts';

/** What runs TensorFlow.js' operations. */
export type BackendName = 'native' | 'wasm' | 'js';
/**
 * `auto` takes WebAssembly, or JavaScript where that does not load. Never native: it starts later and takes more memory
 * for no more speed, as this network is small.
 */
export type BackendChoice = 'auto' | BackendName;

/**
 * tfjs-node 4.22 calls two functions that Node 23 removed (tensorflow/tfjs#8609); without them it loads and then
 * fails at the first tensor.
 */
function restoreRemovedFunctions(): void {
  const missing: Record<string, unknown> = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  };
  for (const [name, value] of Object.entries(missing)) {
    if (!(name in util)) Object.defineProperty(util, name, { value, configurable: true });
  }
}

const loaders: Record<BackendName, () => Promise<void>> = {
  async native() {
    restoreRemovedFunctions();
    // Not an import: the package is optional, and where its library could not be had it is not there at all.
    createRequire(import.meta.url)('@tensorflow/tfjs-node');
    await activate('tensorflow');
  },
  async wasm() {
    await import('@tensorflow/tfjs-backend-wasm');
    await activate('wasm');
  },
  async js() {
    await import('@tensorflow/tfjs-backend-cpu');
    await activate('cpu');
  },
};

async function activate(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js refused the backend ${name}`);
  await tf.ready();
}

/**
 * Makes a backend the one that TensorFlow.js uses from now on. TensorFlow.js has one engine in a process, so the
 * last call wins.
 *
 * @throws AppError BACKEND_UNAVAILABLE when the one asked for does not load, or with `auto` none does
 */
export async function useBackend(choice: BackendChoice): Promise<BackendName> {
  const candidates: BackendName[] = choice === 'auto' ? ['wasm', 'js'] : [choice];
  let cause: unknown;
  for (const name of candidates) {
    try {
      await loaders[name]();
      return name;
    } catch (error) {
      cause = error;
    }
  }
  throw new AppError(
    'BACKEND_UNAVAILABLE',
    500,
    `TFJS_BACKEND=${choice} does not load here: ${reason(cause)}; use auto, wasm or js`,
    {
      cause,
    },
  );
}

function reason(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
}
