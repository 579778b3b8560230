//! The Cache API's store in workerd.

import assert from "node:assert/strict";
import { test } from "node:test";

const LIMIT = 1_024;
let stores = 0;

/** An empty store, as a function of method, path and message. */
async function store() {
  stores += 1;
  const { default: service } = await import(`../worker/cache-service.js?${stores}`);
  return (method, path, message = undefined, length = message?.join("").length) => {
    const body = message && ReadableStream.from(message.map((part) => new TextEncoder().encode(part)));
    const headers = length == null ? {} : { "content-length": String(length) };
    const request = new Request(`http://cache${path}`, { method, headers, body, duplex: "half" });
    return service.fetch(request, { CACHE_BYTES: String(LIMIT) });
  };
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nX-Colon: a:b\r\n\r\n";

test("what was put is found, wherever the message was cut", async () => {
  const ask = await store();
  const message = `${HEAD}bytes`;
  for (const cut of [1, 12, HEAD.length - 2, HEAD.length, HEAD.length + 2]) {
    const put = await ask("PUT", `/${cut}`, [message.slice(0, cut), message.slice(cut)]);
    assert.equal(put.status, 204);
    const found = await ask("GET", `/${cut}`);
    assert.equal(found.status, 200);
    assert.equal(found.headers.get("cf-cache-status"), "HIT");
    assert.equal(found.headers.get("content-type"), "image/png");
    assert.equal(found.headers.get("x-colon"), "a:b");
    assert.equal(await found.text(), "bytes");
  }
});

test("what was not put, or was purged, is a miss", async () => {
  const ask = await store();
  const miss = await ask("GET", "/a");
  assert.deepEqual([miss.status, miss.headers.get("cf-cache-status")], [504, "MISS"]);
  await ask("PUT", "/a", [`${HEAD}bytes`]);
  assert.equal((await ask("PURGE", "/a")).status, 200);
  assert.equal((await ask("PURGE", "/a")).status, 404);
  assert.equal((await ask("GET", "/a")).status, 504);
});

test("an entry takes at most an eighth of the memory, and announces its length", async () => {
  const ask = await store();
  const message = HEAD.padEnd(LIMIT / 8, ".");
  assert.equal((await ask("PUT", "/a", [message])).status, 204);
  assert.equal((await ask("PUT", "/b", [`${message}.`])).status, 413);
  assert.equal((await ask("PUT", "/c", [message], null)).status, 413);
});

test("nothing but a whole answer with status 200 is kept", async () => {
  const ask = await store();
  const messages = [
    [["HTTP/1.1 404 Not Found\r\n\r\nbytes"]],
    [["no head at all"]],
    [["HTTP/1.1 200 OK\r\nContent-"]],
    [[`${HEAD}byt`], HEAD.length + 5],
  ];
  for (const [message, length] of messages) {
    assert.equal((await ask("PUT", "/a", message, length)).status, 400, message);
    assert.equal((await ask("GET", "/a")).status, 504);
  }
});

test("other methods are refused", async () => {
  assert.equal((await (await store())("POST", "/a", ["x"])).status, 405);
});
