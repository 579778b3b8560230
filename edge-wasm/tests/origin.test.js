//! What is requested from the origin, and which of its responses are accepted.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { Origin, OriginDown, PictureChanged, Withheld } from "../worker/origin.js";
import { PLAN, POINTER, PUBLIC_ID } from "./support/given.js";

/** An origin that responds like this, and the requests that it got. */
function origin(answer, environment = {}) {
  const requests = [];
  const fetch = async (request) => {
    requests.push(request);
    return answer(request);
  };
  return { origin: new Origin({ ORIGIN: { fetch }, EDGE_SECRET: "a secret", ...environment }), requests };
}

const answers = (status, body = null, headers = {}) => () => new Response(body, { status, headers });
const json = (value) => answers(200, JSON.stringify(value));

test("a pointer is asked for with the secret, and read", async () => {
  const { origin: asked, requests } = origin(json({ ...POINTER, more: "than is known" }));
  assert.deepEqual(await asked.pointer(PUBLIC_ID), POINTER);
  const [request] = requests;
  assert.equal(request.url, `http://origin/edge/pointers/${PUBLIC_ID}`);
  assert.equal(request.headers.get("authorization"), "Bearer a secret");
  assert.equal(request.headers.get("if-none-match"), null);
  assert.equal(request.redirect, "manual");
});

test("an origin may have an address instead of a binding", async (context) => {
  const fetch = context.mock.method(globalThis, "fetch", json(POINTER));
  const asked = new Origin({ ORIGIN_URL: "https://photos.example.org//" });
  assert.deepEqual(await asked.pointer(PUBLIC_ID), POINTER);
  const [request] = fetch.mock.calls[0].arguments;
  assert.equal(request.url, `https://photos.example.org/edge/pointers/${PUBLIC_ID}`);
});

test("a known pointer is asked for by its digest, and stays when it is still right", async () => {
  const { origin: asked, requests } = origin(answers(304));
  assert.equal(await asked.pointer(PUBLIC_ID, POINTER), POINTER);
  assert.equal(requests[0].headers.get("if-none-match"), `"${POINTER.digest}"`);
});

test("a picture that only a newer origin may show is withheld", async () => {
  await assert.rejects(origin(answers(409)).origin.pointer(PUBLIC_ID, POINTER), Withheld);
});

test("a link that is not there is `null`", async () => {
  assert.equal(await origin(answers(404)).origin.pointer(PUBLIC_ID), null);
});

test("what is not a pointer counts as no answer", async () => {
  const wrong = [
    answers(500),
    answers(401),
    answers(304),
    answers(200, "no JSON"),
    json(null),
    json({ ...POINTER, digest: "A".repeat(64) }),
    json({ ...POINTER, mediaType: "image/svg+xml" }),
    json({ ...POINTER, width: 2_049 }),
    json({ ...POINTER, height: 0 }),
    json({ ...POINTER, hasAlpha: "no" }),
    json({ ...POINTER, padding: " ".repeat(4_096) }),
    () => Promise.reject(new Error("refused")),
  ];
  for (const answer of wrong) await assert.rejects(origin(answer).origin.pointer(PUBLIC_ID), OriginDown);
});

test("half a second is enough where a pointer is known", async () => {
  const silent = (request) => new Promise((_, reject) => (request.signal.onabort = reject));
  const started = performance.now();
  // A signal's timeout does not keep the process alive.
  const alive = setTimeout(() => {}, 5_000);
  await assert.rejects(origin(silent).origin.pointer(PUBLIC_ID, POINTER), OriginDown);
  clearTimeout(alive);
  const waited = performance.now() - started;
  assert(waited > 400 && waited < 1_900, `${waited} ms`);
});

test("a master must have the digest that names it", async () => {
  const bytes = new Uint8Array(200_000).map((_, at) => at);
  const parts = () => ReadableStream.from([bytes.slice(0, 60_000), bytes.slice(60_000, 70_000), bytes.slice(70_000)]);
  const digest = createHash("sha256").update(bytes).digest("hex");
  // With its length announced, announced too short, or not announced.
  for (const length of [{ "content-length": "200000" }, { "content-length": "10" }, {}]) {
    const { origin: asked, requests } = origin(answers(200, parts(), length));
    assert.deepEqual(await asked.master(digest), bytes);
    assert.equal(requests[0].url, `http://origin/edge/masters/${digest}`);
    assert.equal(requests[0].headers.get("authorization"), "Bearer a secret");
  }
  await assert.rejects(origin(answers(200, "other bytes")).origin.master(digest), OriginDown);
  await assert.rejects(origin(answers(404)).origin.master(digest), OriginDown);
});

test("a body above the limit is not read to its end", async () => {
  let parts = 0;
  const endless = new ReadableStream({
    pull(controller) {
      parts += 1;
      controller.enqueue(new Uint8Array(8 * 1024 * 1024));
    },
  });
  await assert.rejects(origin(answers(200, endless)).origin.master(POINTER.digest), OriginDown);
  assert(parts <= 6, `${parts} parts`);
});

test("the origin's rendition must be the one that was planned", async () => {
  const { origin: asked, requests } = origin(answers(200, "bytes", { etag: PLAN.etag }));
  assert.equal(new TextDecoder().decode(await asked.rendition(PUBLIC_ID, PLAN)), "bytes");
  assert.equal(requests[0].url, `http://origin/images/${PUBLIC_ID}?size=4x4`);
  assert.equal(requests[0].headers.get("accept"), "image/jpeg");
  assert.equal(requests[0].headers.get("authorization"), null, "the secret is not for public links");

  await asked.rendition(PUBLIC_ID, { ...PLAN, size: undefined });
  assert.equal(requests[1].url, `http://origin/images/${PUBLIC_ID}`);

  const other = origin(answers(200, "bytes", { etag: '"other"' })).origin;
  await assert.rejects(other.rendition(PUBLIC_ID, PLAN), PictureChanged);
  await assert.rejects(origin(answers(503)).origin.rendition(PUBLIC_ID, PLAN), OriginDown);
});
