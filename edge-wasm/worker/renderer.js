// @ts-check
//! The WASM module behind plain functions: one instance at a time, replaced after a trap and
//! whenever its memory, which never shrinks, is above a threshold.

import { count } from "./garbage.js";
import * as glue from "./module.js";
import module from "./module_bg.wasm";

const MEMORY_MARK = 16 * 1024 * 1024;

/** The share of the module's 64 MiB (`xtask/src/edge.rs`) that a render may need. */
const MOST_MEMORY = 56 * 1024 * 1024;
/** Per pixel of a rendition: resized, and encoded in a buffer that grows by doubling. */
const RENDITION_BYTES = 12;

/** The module cannot make this rendition. */
export class CannotRender extends Error {}

glue.initSync({ module });

/** Whether a size is of the form `WxH`. */
export const isSize = glue.isSize;

/** @import { Pointer } from "./origin.js" */

/**
 * The planned response. Without a picture, only size and status are set.
 * @typedef {object} Plan
 * @property {string | undefined} size as requested
 * @property {number} status 200, 304, 400 or 406
 * @property {number} width effective, in pixels
 * @property {number} height effective, in pixels
 * @property {string} mediaType
 * @property {string} extension of the file name
 * @property {string} etag with its quotation marks
 */

/**
 * Plans the response: see `answer` in `src/lib.rs`.
 * @param {Pointer} pointer
 * @param {string} [size]
 * @param {string} [accept]
 * @param {string} [ifNoneMatch]
 * @returns {Plan}
 */
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

/**
 * The bytes of a rendition of a master, which `pointer` describes.
 * @param {Uint8Array} master
 * @param {Pick<Pointer, "width" | "height" | "hasAlpha">} pointer
 * @param {Pick<Plan, "width" | "height" | "mediaType">} plan
 */
export function render(master, pointer, { width, height, mediaType }) {
  const needed = master.byteLength + bytesOfPixels(pointer) + width * height * RENDITION_BYTES;
  if (needed > MOST_MEMORY) throw new CannotRender("it needs more memory than the module may have");
  const bytes = inModule(() => glue.render(master, width, height, mediaType));
  count(bytes.byteLength);
  return bytes;
}

/**
 * Decoded pixels; those with transparency exist twice while they are resized.
 * @param {Pick<Pointer, "width" | "height" | "hasAlpha">} pointer
 */
function bytesOfPixels({ width, height, hasAlpha }) {
  return width * height * (hasAlpha ? 8 : 3);
}

/**
 * Whether the header of bytes is that of the promised picture.
 * @param {Uint8Array} bytes
 * @param {Pick<Plan, "width" | "height" | "mediaType">} promised
 */
export function isPicture(bytes, { width, height, mediaType }) {
  return inModule(() => glue.isPicture(bytes, width, height, mediaType));
}

/**
 * @template T
 * @param {() => T} work
 */
function inModule(work) {
  try {
    const outcome = work();
    if (glue.memoryBytes() > MEMORY_MARK) startAfresh();
    return outcome;
  } catch (problem) {
    // A refusal is a text; anything else is a trap, after which the instance must not be used.
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
