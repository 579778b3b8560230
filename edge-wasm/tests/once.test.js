//! One run of a task for all concurrent callers.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { once } from "../worker/once.js";
import { context, promised, settle } from "./support/given.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

test("equal work at one time is done once, other work beside it", async () => {
  const [running, done] = [new Map(), promised()];
  let begun = 0;
  const work = () => ((begun += 1), done.promise);
  const all = ["a", "a", "b", "a"].map((key) => once(running, key, context(), work));
  assert.equal(begun, 2);
  done.resolve("bytes");
  assert.deepEqual(await Promise.all(all), Array(4).fill("bytes"));
  assert.equal(begun, 2);
});

test("what is done is forgotten, also when it failed", async () => {
  const running = new Map();
  await assert.rejects(once(running, "a", context(), () => Promise.reject(new Error("no"))), /no/);
  await settle();
  assert.equal(running.size, 0);
  assert.equal(await once(running, "a", context(), async () => 2), 2);
});

test("the work outlives the request that began it", async () => {
  const [running, done, request] = [new Map(), promised(), context()];
  once(running, "a", request, () => done.promise);
  let over = false;
  request.rest().then(() => (over = true));
  await settle();
  assert.equal(over, false);
  done.resolve(1);
  await settle();
  assert.equal(over, true);
});

test("after three seconds a waiting request does the work itself", async () => {
  const running = new Map();
  once(running, "a", context(), () => new Promise(() => {}));
  const second = once(running, "a", context(), async () => "made by the second");
  mock.timers.tick(2_999);
  await settle();
  assert.equal(running.size, 1);
  mock.timers.tick(1);
  assert.equal(await second, "made by the second");
});
