/** The part of Node's WebAssembly that we use, which its type declarations leave to those of browsers. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: Record<string, unknown>;
  }
  type Memory = { readonly buffer: ArrayBuffer; grow(pages: number): number };
}
