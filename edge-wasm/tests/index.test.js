//! Requests from their first byte to the response, in front of a double of the origin.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, mock, test } from "node:test";

import worker from "../worker/index.js";
import { context, POINTER } from "./support/given.js";
import { module } from "./support/glue.js";

const SECRET = "a secret for tests only";
const MASTER = new Uint8Array([1, 2, 3]);
const DIGEST = createHash("sha256").update(MASTER).digest("hex");

/** The worker's requests to the origin, and the responses; the worker keeps its first environment. */
const origin = { asked: [], answer: undefined };
const environment = {
  EDGE_SECRET: SECRET,
  ORIGIN: {
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      origin.asked.push(pathname + search);
      return origin.answer(pathname, request);
    },
  },
};

function alive(path) {
  if (path.startsWith("/edge/pointers/")) return Response.json({ ...POINTER, digest: DIGEST });
  if (path.startsWith("/edge/masters/")) return new Response(MASTER);
  return new Response("the origin's", { headers: { etag: '"etag"' } });
}

let links = 0;

beforeEach(() => {
  links += 1;
  origin.asked = [];
  origin.answer = alive;
  module.answer = () => `200 4 3 image/jpeg jpg "etag-${links}"`;
  module.render = () => new Uint8Array([7, 7]);
  mock.method(console, "warn", () => {});
  mock.method(console, "error", () => {});
});

/** A link that no other test requests. */
const link = () => String(links).padStart(21, "a");

async function ask(path, { method = "GET", headers = {}, body } = {}) {
  const request = new Request(`http://edge${path}`, { method, headers, body });
  const rest = context();
  const response = await worker.fetch(request, environment, rest);
  const bytes = new Uint8Array(await response.arrayBuffer());
  await rest.rest();
  const { status, headers: answered } = response;
  return { status, bytes, header: (name) => answered.get(name) };
}

test("a picture comes with its bytes, type, length and headers", async () => {
  let question;
  module.answer = (...asked) => ((question = asked), '200 4 3 image/jpeg jpg "first"');
  const headers = { accept: "image/webp", "if-none-match": '"old"' };
  const answer = await ask(`/images/${link()}?size=4x4&v=2`, { headers });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.bytes, new Uint8Array([7, 7]));
  assert.equal(answer.header("content-type"), "image/jpeg");
  assert.equal(answer.header("content-length"), "2");
  assert.equal(answer.header("etag"), '"first"');
  assert.equal(answer.header("vary"), "Accept");
  assert.deepEqual(question, [DIGEST, "image/jpeg", 8, 6, false, "4x4", "image/webp", '"old"']);
  assert.deepEqual(origin.asked, [`/edge/pointers/${link()}`, `/edge/masters/${DIGEST}`]);
});

test("a slash at the end changes nothing", async () => {
  assert.equal((await ask(`/images/${link()}/`)).status, 200);
});

test("HEAD has the headers of GET, and no body", async () => {
  const answer = await ask(`/images/${link()}`, { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.equal(answer.header("content-length"), "2");
  assert.equal(answer.bytes.byteLength, 0);
});

test("a picture that the client has is 304, without its bytes", async () => {
  module.answer = () => '304 4 3 image/jpeg jpg "known"';
  const answer = await ask(`/images/${link()}`);
  assert.equal(answer.status, 304);
  assert.equal(answer.header("etag"), '"known"');
  assert.equal(answer.header("cache-control"), "public, max-age=60, stale-while-revalidate=300");
  assert.deepEqual(origin.asked, [`/edge/pointers/${link()}`]);
});

test("what cannot be a picture is refused without asking the origin", async () => {
  for (const [path, method, status] of [
    ["/", "GET", 404],
    ["/images/", "GET", 404],
    [`/images/${link()}/more`, "GET", 404],
    ["/images/short", "GET", 404],
    [`/images/${link()}x`, "GET", 404],
    [`/images/${link().slice(1)}.`, "GET", 404],
    [`/images/${link()}?size=huge`, "GET", 400],
    [`/images/${link()}?size=`, "GET", 400],
    [`/images/${link()}`, "POST", 405],
    [`/images/${link()}`, "DELETE", 405],
  ]) {
    const answer = await ask(path, { method });
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.equal(answer.header("cache-control"), "no-store");
    if (status === 405) assert.equal(answer.header("allow"), "GET, HEAD");
  }
  assert.deepEqual(origin.asked, []);
});

test("a client that accepts none of our formats is refused", async () => {
  module.answer = () => "406";
  assert.equal((await ask(`/images/${link()}`)).status, 406);
});

test("a link that the origin does not know is 404", async () => {
  origin.answer = () => new Response(null, { status: 404 });
  assert.equal((await ask(`/images/${link()}`)).status, 404);
});

test("without the origin an unknown link is 503, to be tried again", async () => {
  origin.answer = () => Promise.reject(new Error("refused"));
  const answer = await ask(`/images/${link()}`);
  assert.equal(answer.status, 503);
  assert.equal(answer.header("retry-after"), "1");
  assert.equal(answer.header("cache-control"), "no-store");
  assert.equal(console.error.mock.callCount(), 0);
});

test("a mistake in our code is 503 as well, and told in the log", async () => {
  module.answer = () => {
    throw new TypeError("a mistake");
  };
  assert.equal((await ask(`/images/${link()}`)).status, 503);
  assert.equal(console.error.mock.callCount(), 1);
});

test("a picture that was replaced a moment ago is asked for once more", async () => {
  const digests = [createHash("sha256").update("old").digest("hex"), DIGEST];
  origin.answer = (path) => {
    if (path.startsWith("/edge/pointers/")) return Response.json({ ...POINTER, digest: digests.shift() });
    if (path.endsWith(DIGEST)) return new Response(MASTER);
    // The old master is gone, and the link shows the new picture.
    return path.startsWith("/edge/") ? new Response(null, { status: 404 }) : alive(path);
  };
  module.answer = (digest) => `200 4 3 image/jpeg jpg "${digest}"`;
  const answer = await ask(`/images/${link()}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.header("etag"), `"${DIGEST}"`);
});

test("the origin's message makes a link be asked for again", async () => {
  await ask(`/images/${link()}`);
  origin.asked = [];
  const body = JSON.stringify([link()]);
  const authorization = `Bearer ${createHash("sha256").update(SECRET).digest("hex")}`;
  const headers = { authorization, "content-length": String(body.length) };
  assert.equal((await ask("/edge/changed", { method: "POST", headers, body })).status, 204);
  await ask(`/images/${link()}`);
  assert.deepEqual(origin.asked, [`/edge/pointers/${link()}`]);
});
