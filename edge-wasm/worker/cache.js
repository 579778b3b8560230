// @ts-check
//! Renditions, masters and last known pointers in the runtime's Cache API. All of it can be made
//! again: if there is no cache, or it fails, every lookup is a miss.

import { count } from "./garbage.js";

/** Only a name: no request is ever sent to this address. */
const BASE = "https://cache.photolog.invalid/";
const FOREVER = "public, max-age=31536000, immutable";

/**
 * The bytes stored under a name, or `null`.
 * @param {string} name
 * @returns {Promise<Uint8Array | null>}
 */
export async function kept(name) {
  try {
    const found = await caches.default.match(BASE + name);
    if (!found) return null;
    const bytes = await found.bytes();
    count(bytes.byteLength);
    return bytes;
  } catch {
    return null;
  }
}

/**
 * Stores bytes under a name.
 * @param {string} name
 * @param {Uint8Array} bytes
 */
export async function keep(name, bytes) {
  const headers = { "cache-control": FOREVER, "content-type": "application/octet-stream" };
  try {
    await caches.default.put(BASE + name, new Response(bytes, { headers }));
  } catch {
    // The next request makes the same bytes again.
  }
}
