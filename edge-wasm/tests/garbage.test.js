//! When the engine is made to collect buffers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { count } from "../worker/garbage.js";

test("each eight mebibytes of buffers are collected, in two runs", () => {
  let runs = 0;
  globalThis.gc = () => (runs += 1);
  count(8 * 1024 * 1024 - 1);
  assert.equal(runs, 0);
  count(1);
  assert.equal(runs, 2);
  count(1);
  assert.equal(runs, 2);
});

test("a runtime without `gc` is left alone", () => {
  globalThis.gc = undefined;
  count(9 * 1024 * 1024);
});
