//! The Cache API's store for a runtime that brings none: an LRU in memory, spoken to by
//! workerd's `cacheApiOutbound`. `GET` asks, `PUT` brings a whole HTTP response as its body,
//! `PURGE` deletes.

import { count } from "./garbage.js";
import { Lru } from "./lru.js";

const DEFAULT_LIMIT = 64 * 1024 * 1024;
/** An entry may take this share of the memory: a few huge ones must not push out everything else. */
const LARGEST_SHARE = 1 / 16;
const END_OF_HEAD = "\r\n\r\n";

/** The settings come with the first request. */
let entries;

export default {
  async fetch(request, env) {
    const { url, method } = request;
    const limit = Number(env.CACHE_BYTES) || DEFAULT_LIMIT;
    entries ??= new Lru(limit);
    if (method === "GET") return find(url);
    if (method === "PUT") {
      // Not even looked at; without a length it is.
      const length = Number(request.headers.get("content-length"));
      if (length > limit * LARGEST_SHARE) return new Response(null, { status: 413 });
      const message = await request.bytes();
      count(2 * message.byteLength);
      const entry = read(message);
      if (entry) entries.set(url, entry, entry.body.byteLength);
      return new Response(null, { status: entry ? 204 : 400 });
    }
    if (method === "PURGE") return new Response(null, { status: entries.delete(url) ? 200 : 404 });
    return new Response(null, { status: 405 });
  },
};

function find(url) {
  const entry = entries.get(url);
  if (!entry) return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
  const headers = new Headers(entry.headers);
  headers.set("cf-cache-status", "HIT");
  return new Response(entry.body, { headers });
}

/** Head and body of a serialised `200` response; `null` for anything else. */
function read(bytes) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 16 * 1024));
  const end = text.indexOf(END_OF_HEAD);
  if (end < 0 || !/^HTTP\/1\.[01] 200 /.test(text)) return null;
  const lines = text.slice(0, end).split("\r\n").slice(1);
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  // A copy: the whole message would be kept alive by a view of its end.
  return { headers, body: bytes.slice(end + END_OF_HEAD.length) };
}
