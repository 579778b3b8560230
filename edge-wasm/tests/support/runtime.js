//! What workerd has and node lacks, and the double of the renderer. Loaded before the tests, by
//! `--import`.

import { timingSafeEqual } from "node:crypto";
import { register } from "node:module";

register("./double.js", import.meta.url);

crypto.subtle.timingSafeEqual = timingSafeEqual;

/** A body of exactly this many bytes; as in workerd, a write ends when it has been read. */
globalThis.FixedLengthStream = class extends TransformStream {
  constructor(length) {
    let left = length;
    super({
      transform(piece, controller) {
        left -= piece.byteLength;
        if (left < 0) throw new TypeError("more bytes than announced");
        controller.enqueue(piece);
      },
      flush() {
        if (left > 0) throw new TypeError("fewer bytes than announced");
      },
    });
  }
};

/** The Cache API over a map: one for all tests of a file. */
const kept = new Map();
globalThis.caches = {
  default: {
    async match(url) {
      const bytes = kept.get(url);
      return bytes && { bytes: async () => bytes };
    },
    async put(url, response) {
      kept.set(url, new Uint8Array(await response.arrayBuffer()));
    },
  },
};
