//! The map with a limit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Lru } from "../worker/lru.js";

test("the least recently used entry goes first", () => {
  const lru = new Lru(2);
  lru.set("one", 1);
  lru.set("two", 2);
  lru.get("one");
  lru.set("three", 3);
  assert.deepEqual([lru.get("one"), lru.get("two"), lru.get("three")], [1, undefined, 3]);
});

test("as many entries go as the new one weighs", () => {
  const lru = new Lru(10);
  for (const key of ["a", "b", "c"]) lru.set(key, key, 3);
  lru.set("d", "d", 7);
  assert.deepEqual([lru.get("a"), lru.get("b"), lru.get("c"), lru.get("d")], [undefined, undefined, "c", "d"]);
});

test("what weighs more than the limit is not kept, nor what it replaces", () => {
  const lru = new Lru(10);
  lru.set("small", 1, 1);
  lru.set("large", 1, 1);
  lru.set("large", 2, 11);
  assert.deepEqual([lru.get("small"), lru.get("large")], [1, undefined]);
});

test("what is replaced or deleted weighs nothing", () => {
  const lru = new Lru(10);
  lru.set("a", 1, 9);
  lru.set("a", 2, 5);
  lru.set("b", 3, 5);
  assert.deepEqual([lru.get("a"), lru.get("b")], [2, 3]);
  assert.equal(lru.delete("a"), true);
  assert.equal(lru.delete("a"), false);
  lru.set("c", 4, 5);
  assert.deepEqual([lru.get("b"), lru.get("c")], [3, 4]);
});
