/** Loaded before a program (`node --import`), makes tfjs-node fail to load as where it could not be installed. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    return next(specifier === '@tensorflow/tfjs-node' ? `${specifier}-is-missing` : specifier, context);
  },
});
