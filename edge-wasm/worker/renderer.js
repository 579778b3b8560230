//! The WASM module behind plain functions: one instance at a time, a fresh one after a trap and
//! whenever its memory, which never shrinks, is above a mark.

import { count } from "./garbage.js";
import * as glue from "./module.js";
import module from "./module_bg.wasm";

const MEMORY_MARK = 16 * 1024 * 1024;

/** Of the 64 MiB that the module may have (`xtask/src/edge.rs`), what a render may need. */
const MOST_MEMORY = 56 * 1024 * 1024;
/** Per pixel of a rendition: resized, and encoded in a buffer that grows by doubling. */
const RENDITION_BYTES = 12;

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

/** The bytes of a rendition of a master, which `pointer` describes. */
export function render(master, pointer, { width, height, mediaType }) {
  const needed = master.byteLength + bytesOfPixels(pointer) + width * height * RENDITION_BYTES;
  if (needed > MOST_MEMORY) throw new CannotRender("it needs more memory than the module may have");
  const bytes = inModule(() => glue.render(master, width, height, mediaType));
  count(bytes.byteLength);
  return bytes;
}

/** Decoded; pixels with transparency are there a second time while they are resized. */
function bytesOfPixels({ width, height, hasAlpha }) {
  return width * height * (hasAlpha ? 8 : 3);
}

/** Whether bytes are what their name says, by their header. */
export function isPicture(bytes, { width, height, mediaType }) {
  return inModule(() => glue.isPicture(bytes, width, height, mediaType));
}

function inModule(work) {
  try {
    const outcome = work();
    if (glue.memoryBytes() > MEMORY_MARK) startAfresh();
    return outcome;
  } catch (problem) {
    // A refusal is a text; anything else is a trap, after which the instance is not to be used.
    if (typeof problem === "string") throw new CannotRender(problem);
    startAfresh();
    throw new CannotRender(`trap: ${problem}`);
  }
}

function startAfresh() {
  const memory = glue.memoryBytes();
  glue.__wbg_reset_state();
  count(memory);
}
