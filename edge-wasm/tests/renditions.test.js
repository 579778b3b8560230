//! Where a rendition's bytes come from, and how many may be in flight.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Busy } from "../worker/budget.js";
import { keep, kept } from "../worker/cache.js";
import { OriginDown, PictureChanged } from "../worker/origin.js";
import { Renditions } from "../worker/renditions.js";
import { context, PLAN, POINTER, promised, PUBLIC_ID, settle } from "./support/given.js";
import { module } from "./support/glue.js";

const MEBIBYTE = 1024 * 1024;
const MASTER = new Uint8Array([1, 2, 3]);
const RENDERED = new Uint8Array([7]);
const ORIGINS = new Uint8Array([9]);

/** A rendition that may take 15 MiB of the 20 MiB for all large ones. */
const large = (at) => ({ etag: `"large ${at}"`, width: 2_048, height: 1_920, mediaType: "image/webp" });

let pictures = 0;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  module.renders = [];
  module.render = () => RENDERED;
  module.isPicture = () => true;
  mock.method(console, "warn", () => {});
});

afterEach(() => mock.timers.reset());

/** Another picture in front of an origin that has its master by default. */
function given({ master = async () => MASTER, rendition = async () => ORIGINS } = {}) {
  pictures += 1;
  const digest = String(pictures).padStart(64, "0");
  const pointer = { ...POINTER, digest };
  const plan = { ...PLAN, etag: `"${digest}-4x3"` };
  const asked = [];
  const renditions = new Renditions({
    master: (...question) => (asked.push("master"), master(...question)),
    rendition: (...question) => (asked.push("rendition"), rendition(...question)),
  });
  const request = context();
  const bytes = (changes = {}) => renditions.bytes(PUBLIC_ID, pointer, { ...plan, ...changes }, request);
  return { asked, bytes, digest, name: `${digest}-4x3`, rest: request.rest };
}

test("a rendition is rendered once, from a master that is fetched once", async () => {
  const { asked, bytes, digest, name, rest } = given();
  const all = await Promise.all([bytes(), bytes(), bytes()]);
  for (const { bytes, permit } of all) {
    assert.equal(bytes, RENDERED);
    permit.release();
  }
  assert.equal((await bytes()).bytes, RENDERED);
  assert.equal((await bytes({ etag: '"another"', width: 2 })).bytes, RENDERED);
  assert.deepEqual(asked, ["master"]);
  assert.equal(module.renders.length, 2);
  await rest();
  assert.deepEqual(await kept(`renditions/${name}`), RENDERED);
  assert.deepEqual(await kept(`masters/${digest}`), MASTER);
});

test("a rendition that the cache has is not rendered", async () => {
  const { asked, bytes, name } = given();
  await keep(`renditions/${name}`, new Uint8Array([5]));
  assert.deepEqual((await bytes()).bytes, new Uint8Array([5]));
  assert.deepEqual([asked, module.renders], [[], []]);
});

test("the master's own size and format are the master's bytes", async () => {
  const { asked, bytes } = given();
  assert.equal((await bytes({ width: 8, height: 6 })).bytes, MASTER);
  assert.deepEqual([asked, module.renders], [["master"], []]);
  await bytes({ etag: '"png"', width: 8, height: 6, mediaType: "image/png" });
  assert.equal(module.renders.length, 1);
});

test("what the module cannot render is the origin's rendition", async () => {
  module.render = () => {
    throw "too_costly";
  };
  const { asked, bytes } = given();
  assert.equal((await bytes()).bytes, ORIGINS);
  assert.deepEqual(asked, ["master", "rendition"]);
});

test("a master that cannot be had, or is another picture, is not rendered", async () => {
  const down = given({ master: () => Promise.reject(new OriginDown("down")) });
  assert.equal((await down.bytes()).bytes, ORIGINS);
  module.isPicture = (bytes) => bytes !== MASTER;
  const wrong = given();
  assert.equal((await wrong.bytes()).bytes, ORIGINS);
  await wrong.rest();
  assert.equal(await kept(`masters/${wrong.digest}`), null);
  assert.equal(module.renders.length, 0);
});

test("the origin's rendition must be the picture that was promised", async () => {
  module.isPicture = () => false;
  const { bytes, name, rest } = given();
  await assert.rejects(bytes(), OriginDown);
  await rest();
  assert.equal(await kept(`renditions/${name}`), null);
});

test("a picture that was replaced meanwhile is told apart from an origin that is down", async () => {
  const changed = { rendition: () => Promise.reject(new PictureChanged("other")) };
  const { bytes } = given({ ...changed, master: () => Promise.reject(new OriginDown("gone")) });
  await assert.rejects(bytes(), PictureChanged);
});

test("a mistake in our code is not taken for the origin's", async () => {
  const { asked, bytes } = given({ master: () => Promise.reject(new TypeError("a mistake")) });
  await assert.rejects(bytes(), TypeError);
  assert.deepEqual(asked, ["master"]);
});

test("a failure gives back what it held", async () => {
  const { bytes } = given({
    master: () => Promise.reject(new OriginDown("down")),
    rendition: () => Promise.reject(new OriginDown("down")),
  });
  for (const at of [1, 2, 3]) await assert.rejects(bytes(large(at)), OriginDown);
});

test("large renditions wait for one another, and ordinary ones for none of them", async () => {
  const { bytes } = given();
  module.render = () => new Uint8Array(15 * MEBIBYTE);
  const first = await bytes(large(1));
  let second;
  bytes(large(2)).then((made) => (second = made));
  await settle();
  assert.equal(second, undefined);
  module.render = () => RENDERED;
  assert.equal((await bytes({ etag: '"small"' })).bytes, RENDERED);
  first.permit.release();
  await settle();
  assert.notEqual(second, undefined);
});

test("a queue that is full is refused", async () => {
  const { bytes } = given({ master: () => promised().promise });
  // One is being made, 64 wait.
  for (let at = 0; at < 65; at += 1) bytes(large(at)).catch(() => {});
  await assert.rejects(bytes(large(65)), new Busy("the queue is full"));
});
