// @ts-check
//! Writes an answer's body piece by piece, and gives its permit back when the last one is written
//! or the client reads no more.

/** So much within the time below: a client that reads more slowly is cut off. */
const PIECE = 256 * 1024;
const PIECE_LIMIT_MS = 8_000;

/** @import { Permit } from "./budget.js" */

/**
 * A body for a `Response`; what it has is in flight until it is written.
 * @param {Uint8Array} bytes
 * @param {Pick<Permit, "extend" | "release">} permit
 * @param {Pick<ExecutionContext, "waitUntil">} context
 */
export function written(bytes, permit, context) {
  const { readable, writable } = new FixedLengthStream(bytes.byteLength);
  context.waitUntil(write(bytes, permit, writable.getWriter()));
  return readable;
}

/**
 * @param {Uint8Array} bytes
 * @param {Pick<Permit, "extend" | "release">} permit
 * @param {WritableStreamDefaultWriter<Uint8Array>} writer
 */
async function write(bytes, permit, writer) {
  try {
    for (let at = 0; at < bytes.byteLength; at += PIECE) {
      await inTime(writer.write(bytes.subarray(at, at + PIECE)));
      permit.extend();
    }
    await inTime(writer.close());
  } catch (problem) {
    // The client went away, or reads too slowly: nobody is there to be told.
    writer.abort(problem).catch(() => {});
  } finally {
    permit.release();
  }
}

/** @param {Promise<unknown>} work */
async function inTime(work) {
  let timer = /** @type {number | null} */ (null);
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the client reads too slowly")), PIECE_LIMIT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
