// @ts-check
//! The Cache API's store for a runtime that has none: an LRU in memory, reached through workerd's
//! `cacheApiOutbound`. `GET` reads an entry, `PUT` stores a whole HTTP response, sent as the body,
//! `PURGE` deletes one.

import { count } from "./garbage.js";
import { Lru } from "./lru.js";

const DEFAULT_LIMIT = 32 * 1024 * 1024;
/** An entry may take this share of the memory: a few huge ones must not evict all others. */
const LARGEST_SHARE = 1 / 8;
const END_OF_HEAD = "\r\n\r\n";
const MOST_BYTES_OF_HEAD = 16 * 1024;

/** @typedef {{ headers: string[][], body: Uint8Array<ArrayBuffer> }} Entry */

/**
 * The settings come with the first request.
 * @type {Lru<Entry>}
 */
let entries;

export default {
  /**
   * @param {Request} request
   * @param {{ CACHE_BYTES?: string }} env
   */
  async fetch(request, env) {
    const { url, method } = request;
    const limit = Number(env.CACHE_BYTES) || DEFAULT_LIMIT;
    entries ??= new Lru(limit);
    if (method === "GET") return find(url);
    if (method === "PUT") {
      const length = Number(request.headers.get("content-length") ?? Infinity);
      if (length > limit * LARGEST_SHARE) return new Response(null, { status: 413 });
      const entry = await read(/** @type {ReadableStream} */ (request.body), length);
      if (entry) entries.set(url, entry, entry.body.byteLength);
      return new Response(null, { status: entry ? 204 : 400 });
    }
    if (method === "PURGE") return new Response(null, { status: entries.delete(url) ? 200 : 404 });
    return new Response(null, { status: 405 });
  },
};

/** @param {string} url */
function find(url) {
  const entry = entries.get(url);
  if (!entry) return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
  const headers = new Headers(entry.headers);
  headers.set("cf-cache-status", "HIT");
  return new Response(entry.body, { headers });
}

/**
 * Head and body of a serialised `200` response of this many bytes; `null` for anything else.
 * @param {ReadableStream<Uint8Array>} message
 * @param {number} length
 * @returns {Promise<Entry | null>}
 */
async function read(message, length) {
  const reader = message.getReader();
  let begin = new Uint8Array(0);
  let head;
  while ((head = readHead(begin)) === undefined) {
    const { done, value } = await reader.read();
    if (done || begin.byteLength > MOST_BYTES_OF_HEAD) return null;
    begin = joined(begin, value);
  }
  if (!head) return null;
  // In one buffer from the beginning: a large buffer that is copied later is garbage for a while.
  const body = new Uint8Array(length - head.length);
  count(body.byteLength);
  body.set(begin.subarray(head.length));
  let filled = begin.byteLength - head.length;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    body.set(part.value, filled);
    filled += part.value.byteLength;
  }
  return filled === body.byteLength ? { headers: head.headers, body } : null;
}

/**
 * The headers and the length of a head; `undefined` if incomplete, `null` if it is not a head.
 * @param {Uint8Array} bytes
 */
function readHead(bytes) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, MOST_BYTES_OF_HEAD));
  const end = text.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  if (!/^HTTP\/1\.[01] 200 /.test(text)) return null;
  const lines = text.slice(0, end).split("\r\n").slice(1);
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { headers, length: end + END_OF_HEAD.length };
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
function joined(one, other) {
  const both = new Uint8Array(one.byteLength + other.byteLength);
  both.set(one);
  both.set(other, one.byteLength);
  return both;
}
