// @ts-check
//! Writes a response body piece by piece, and releases its permit when the last piece is written or
//! the client stops reading.

/** The bytes of one piece: a client that takes longer for it than the limit below is cut off. */
const PIECE = 256 * 1024;
const PIECE_LIMIT_MS = 8_000;

/** @import { Permit } from "./budget.js" */

/**
 * A body for a `Response`; its bytes are in flight until they are written.
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
    // The client went away or reads too slowly, so there is no one to report this to.
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
