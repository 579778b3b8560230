//! Replaces wasm-bindgen's glue, which only a build of the edge makes, with `glue.js`.

const GLUE = new URL("glue.js", import.meta.url).href;

export async function resolve(specifier, context, next) {
  if (specifier === "./module.js") return { url: GLUE, shortCircuit: true };
  if (specifier === "./module_bg.wasm") return next("data:text/javascript,export default null", context);
  return next(specifier, context);
}
