//! The WASM module behind plain functions: one instance at a time, a fresh one after a trap and
//! whenever its memory, which never shrinks, is above a mark.

import * as glue from "./module.js";
import module from "./module_bg.wasm";

const MEMORY_MARK = 32 * 1024 * 1024;

/** The module cannot make this rendition. */
export class CannotRender extends Error {}

glue.initSync({ module });

/** Whether a size is of the form `WxH`. */
export const isSize = glue.isSize;

/** What to answer: see `answer` in `src/lib.rs`. */
export function decide(pointer, size, accept, ifNoneMatch) {
  const { digest, mediaType, width, height, hasAlpha } = pointer;
  const line = glue.answer(digest, mediaType, width, height, hasAlpha, size, accept, ifNoneMatch);
  const [status, ...words] = line.split(" ");
  return {
    size,
    status: Number(status),
    width: Number(words[0]),
    height: Number(words[1]),
    mediaType: words[2],
    extension: words[3],
    etag: words[4],
  };
}

/** The bytes of a rendition. */
export function render(master, { width, height, mediaType }) {
  return inModule(() => glue.render(master, width, height, mediaType));
}

/** Whether bytes are what their name says, by their header. */
export function isPicture(bytes, { width, height, mediaType }) {
  return inModule(() => glue.isPicture(bytes, width, height, mediaType));
}

function inModule(work) {
  try {
    const outcome = work();
    if (glue.memoryBytes() > MEMORY_MARK) glue.__wbg_reset_state();
    return outcome;
  } catch (problem) {
    // A refusal is a text; anything else is a trap, after which the instance is not to be used.
    if (typeof problem === "string") throw new CannotRender(problem);
    glue.__wbg_reset_state();
    throw new CannotRender(`trap: ${problem}`);
  }
}
