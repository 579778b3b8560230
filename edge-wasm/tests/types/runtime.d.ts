//! What workerd and wrangler add to `@cloudflare/workers-types`.

/** V8's garbage collector, where `--expose-gc` is set. */
declare var gc: (() => void) | undefined;

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
