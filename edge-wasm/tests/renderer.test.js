//! The plain functions over a double of the module.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { CannotRender, decide, isPicture, isSize, render } from "../worker/renderer.js";
import { PLAN, POINTER } from "./support/given.js";
import { module } from "./support/glue.js";

const MASTER = new Uint8Array([1, 2, 3]);
const MEBIBYTE = 1024 * 1024;

beforeEach(() => {
  module.memory = 0;
  module.resets = 0;
  module.renders = [];
  module.render = () => new Uint8Array([7]);
});

test("a plan is read from the module's words", () => {
  let question;
  module.answer = (...asked) => {
    question = asked;
    return '304 400 300 image/webp webp "x-400x300"';
  };
  assert.deepEqual(decide(POINTER, "400x400", "image/*", '"y"'), {
    size: "400x400",
    status: 304,
    width: 400,
    height: 300,
    mediaType: "image/webp",
    extension: "webp",
    etag: '"x-400x300"',
  });
  assert.deepEqual(question, [POINTER.digest, "image/jpeg", 8, 6, false, "400x400", "image/*", '"y"']);
  module.answer = () => "406";
  assert.equal(decide(POINTER).status, 406);
});

test("sizes and pictures are for the module to judge", () => {
  assert.deepEqual([isSize("400x400"), isSize("huge")], [true, false]);
  module.isPicture = (bytes, width, height, mediaType) =>
    bytes === MASTER && width === 4 && height === 3 && mediaType === "image/jpeg";
  assert.deepEqual([isPicture(MASTER, PLAN), isPicture(new Uint8Array(), PLAN)], [true, false]);
});

test("a rendition is what the module makes of the master", () => {
  assert.deepEqual(render(MASTER, POINTER, PLAN), new Uint8Array([7]));
  assert.deepEqual(module.renders, [[MASTER, 4, 3, "image/jpeg"]]);
  assert.equal(module.resets, 0);
});

test("what would need more memory than the module has is not tried", () => {
  // 8 bytes a pixel of a master with transparency, 12 of a rendition: 32 MiB, and 24 MiB at most.
  const master = { ...POINTER, width: 2_048, height: 2_048, hasAlpha: true };
  const wide = { ...PLAN, width: 2_048, height: 1_024 };
  render(new Uint8Array(), master, wide);
  assert.throws(() => render(new Uint8Array(1), master, wide), CannotRender);
  assert.equal(module.renders.length, 1);
  render(new Uint8Array(1), { ...master, hasAlpha: false }, wide);
  assert.equal(module.renders.length, 2);
});

test("a refusal leaves the instance as it is, a trap does not", () => {
  module.render = () => {
    throw "too_costly";
  };
  assert.throws(() => render(MASTER, POINTER, PLAN), new CannotRender("too_costly"));
  assert.equal(module.resets, 0);
  module.render = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  assert.throws(() => render(MASTER, POINTER, PLAN), CannotRender);
  assert.equal(module.resets, 1);
});

test("an instance that has grown is replaced", () => {
  module.memory = 16 * MEBIBYTE;
  render(MASTER, POINTER, PLAN);
  assert.equal(module.resets, 0);
  module.memory += 1;
  render(MASTER, POINTER, PLAN);
  assert.equal(module.resets, 1);
});
