//! The origin's message that links have changed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { push } from "../worker/push.js";

const SECRET = "a secret for tests only";
const HASH = createHash("sha256").update(SECRET).digest("hex");

/** Sends a message; returns the status and the links that it changed. */
async function sent(body, { method = "POST", authorization = `Bearer ${HASH}`, secret = SECRET, length } = {}) {
  const headers = { authorization, "content-length": String(length ?? Buffer.byteLength(body ?? "")) };
  const request = new Request("http://edge/edge/changed", { method, headers, body });
  const changed = [];
  const response = await push(request, secret, { changed: (publicId) => changed.push(publicId) });
  return { status: response.status, allow: response.headers.get("allow"), changed };
}

test("the links of a message are changed", async () => {
  const { status, changed } = await sent('["one","two"]');
  assert.equal(status, 204);
  assert.deepEqual(changed, ["one", "two"]);
});

test("only the origin may send one", async () => {
  const strangers = [
    { authorization: "" },
    { authorization: `Bearer ${SECRET}` },
    { authorization: `Bearer ${HASH.slice(1)}0` },
    { authorization: HASH },
    // An edge without a secret of its own accepts no messages.
    { secret: undefined, authorization: "Bearer undefined" },
    { secret: "", authorization: `Bearer ${createHash("sha256").update("").digest("hex")}` },
  ];
  for (const stranger of strangers) {
    const { status, changed } = await sent('["one"]', stranger);
    assert.equal(status, 401, JSON.stringify(stranger));
    assert.deepEqual(changed, []);
  }
});

test("anything but a short list of texts changes nothing", async () => {
  for (const body of ["", "[", "{}", "null", '["one",2]', '"one"']) {
    assert.deepEqual(await sent(body), { status: 400, allow: null, changed: [] }, body);
  }
  assert.equal((await sent('["one"]', { length: 64 * 1024 + 1 })).status, 400);
  assert.equal((await sent('["one"]', { length: "many" })).status, 400);
});

test("other methods are refused", async () => {
  assert.deepEqual(await sent(undefined, { method: "GET" }), { status: 405, allow: "POST", changed: [] });
});
