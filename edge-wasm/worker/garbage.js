// @ts-check
//! Makes the engine collect buffers. They lie outside its heap, so it lets hundreds of megabytes of
//! them accumulate before a collection; `config.capnp` gives workerd's isolates `gc`. A runtime
//! without it has limits of its own.

const MOST_BYTES = 8 * 1024 * 1024;

let allocated = 0;

/**
 * Counts bytes of a new buffer, which will become garbage.
 * @param {number} bytes
 */
export function count(bytes) {
  allocated += bytes;
  if (allocated < MOST_BYTES) return;
  allocated = 0;
  // The first run finds the garbage, the second one frees what that held: a module's memory.
  globalThis.gc?.();
  globalThis.gc?.();
}
