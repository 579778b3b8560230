//! What is stored in the runtime's cache.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { keep, kept } from "../worker/cache.js";

test("bytes are found under the name under which they were kept", async () => {
  await keep("masters/a", new Uint8Array([1, 2, 3]));
  assert.deepEqual(await kept("masters/a"), new Uint8Array([1, 2, 3]));
  assert.equal(await kept("masters/b"), null);
});

test("an entry never becomes stale by itself", async () => {
  const put = mock.method(caches.default, "put");
  await keep("masters/a", new Uint8Array([1]));
  const [url, response] = put.mock.calls[0].arguments;
  assert.equal(url, "https://cache.photolog.invalid/masters/a");
  assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
  put.mock.restore();
});

test("a cache that fails is an empty one", async () => {
  const fail = async () => {
    throw new Error("no cache");
  };
  const methods = [mock.method(caches.default, "put", fail), mock.method(caches.default, "match", fail)];
  await keep("masters/a", new Uint8Array([1]));
  assert.equal(await kept("masters/a"), null);
  for (const method of methods) method.mock.restore();
});
