//! Limits on what is in use at one time.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Budget, Busy } from "../worker/budget.js";
import { settle } from "./support/given.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

/** Whether a permit was granted by now. */
async function granted(permit) {
  let there = false;
  permit.then(
    () => (there = true),
    () => {},
  );
  await settle();
  return there;
}

test("permits are granted up to the limit, then in the order of the requests", async () => {
  const budget = new Budget(10, 8);
  const first = await budget.take(6);
  const [second, third] = [budget.take(6), budget.take(1)];
  assert.equal(await granted(second), false);
  assert.equal(await granted(third), false, "a light request must not overtake a heavy one");
  first.release();
  assert.equal(await granted(second), true);
  assert.equal(await granted(third), true);
});

test("a request above the limit takes all of it", async () => {
  const budget = new Budget(10, 8);
  const all = await budget.take(1_000);
  const next = budget.take(1);
  assert.equal(await granted(next), false);
  all.release();
  assert.equal(await granted(next), true);
});

test("a full queue is refused at once", async () => {
  const budget = new Budget(1, 1);
  await budget.take(1);
  budget.take(1).catch(() => {});
  await assert.rejects(budget.take(1), new Busy("the queue is full"));
});

test("a wait ends after five seconds, and lets the ones behind go on", async () => {
  const budget = new Budget(10, 8);
  await budget.take(6);
  const heavy = budget.take(6);
  mock.timers.tick(4_000);
  const light = budget.take(4);
  assert.equal(await granted(heavy), false);
  mock.timers.tick(1_000);
  await assert.rejects(heavy, Busy);
  assert.equal(await granted(light), true);
});

test("a permit that shrinks makes room", async () => {
  const budget = new Budget(10, 8);
  const permit = await budget.take(10);
  const next = budget.take(4);
  permit.resize(7);
  assert.equal(await granted(next), false);
  permit.resize(6);
  assert.equal(await granted(next), true);
});

test("a permit is given back once", async () => {
  const budget = new Budget(10, 8);
  const permit = await budget.take(5);
  permit.release();
  permit.release();
  await budget.take(10);
  assert.equal(await granted(budget.take(1)), false);
});

test("a permit lapses after a minute, unless it is extended", async () => {
  const budget = new Budget(2, 0);
  const lapsing = await budget.take(2);
  lapsing.resize(1);
  const inUse = await budget.take(1);
  mock.timers.tick(59_000);
  inUse.extend();
  mock.timers.tick(2_000);
  await budget.take(1);
  await assert.rejects(budget.take(1), Busy);
});
