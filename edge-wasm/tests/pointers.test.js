//! How long a pointer is fresh.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { OriginDown, Withheld } from "../worker/origin.js";
import { Pointers } from "../worker/pointers.js";
import { context, POINTER, promised, settle } from "./support/given.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
afterEach(() => mock.timers.reset());

const OTHER = { ...POINTER, digest: "b".repeat(64) };

/** Links in front of an origin that gives these responses, repeating the last one. */
function given(...answers) {
  const asked = [];
  const origin = {
    async pointer(publicId, known) {
      asked.push([publicId, known]);
      const answer = await (answers.length > 1 ? answers.shift() : answers[0]);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const pointers = new Pointers(origin);
  return { asked, changed: (id) => pointers.changed(id), find: (id) => pointers.find(id, context()) };
}

test("a pointer is fresh for a second, then asked for with what is known", async () => {
  const { asked, find } = given(POINTER, OTHER);
  assert.equal(await find("fresh"), POINTER);
  mock.timers.tick(999);
  assert.equal(await find("fresh"), POINTER);
  assert.deepEqual(asked, [["fresh", undefined]]);
  mock.timers.tick(1);
  assert.equal(await find("fresh"), OTHER);
  assert.deepEqual(asked[1], ["fresh", POINTER]);
});

test("the second counts from the question", async () => {
  const answer = promised();
  const { asked, find } = given(answer.promise);
  const found = find("slow");
  mock.timers.tick(900);
  answer.resolve(POINTER);
  await found;
  mock.timers.tick(100);
  await find("slow");
  assert.equal(asked.length, 2);
});

test("a picture that is withheld is not replaced by the last known one", async () => {
  const { find } = given(POINTER, new Withheld());
  await find("sold");
  mock.timers.tick(1_000);
  await assert.rejects(find("sold"), Withheld);
});

test("a missing link is asked for once a second", async () => {
  const { asked, find } = given(null);
  assert.equal(await find("missing"), null);
  mock.timers.tick(999);
  assert.equal(await find("missing"), null);
  assert.equal(asked.length, 1);
  mock.timers.tick(1);
  await find("missing");
  assert.equal(asked.length, 2);
});

test("a link that was disabled is missing at once", async () => {
  const { find } = given(POINTER, null, null);
  await find("gone");
  mock.timers.tick(1_000);
  assert.equal(await find("gone"), null);
  assert.equal(await find("gone"), null);
});

test("a change is seen at once", async () => {
  const { changed, find } = given(POINTER, OTHER, null, POINTER);
  await find("changed");
  for (const present of [OTHER, null, POINTER]) {
    changed("changed");
    // A response of the same millisecond may be older than the change.
    mock.timers.tick(1);
    assert.equal(await find("changed"), present);
  }
});

test("an answer that was under way when the link changed is not fresh", async () => {
  const old = promised();
  const { asked, changed, find } = given(old.promise, OTHER);
  const first = find("race");
  await settle();
  changed("race");
  const second = find("race");
  old.resolve(POINTER);
  assert.equal(await first, POINTER);
  assert.equal(await second, OTHER);
  assert.equal(asked.length, 2);
  assert.equal(await find("race"), OTHER);
});

test("equal questions at one time are one", async () => {
  const { asked, find } = given(POINTER);
  await Promise.all([find("many"), find("many"), find("many")]);
  assert.equal(asked.length, 1);
});

test("a known pointer outlives the origin", async () => {
  const { asked, find } = given(POINTER, new OriginDown("down"));
  await find("known");
  mock.timers.tick(1_000);
  assert.equal(await find("known"), POINTER);
  assert.equal(await find("known"), POINTER);
  assert.equal(asked.length, 2, "a shut origin is asked once a second as well");
});

test("what another isolate knew outlives the origin, and what nobody knew does not", async () => {
  await given(POINTER).find("kept");
  await settle();
  const { find } = given(new OriginDown("down"));
  assert.deepEqual(await find("kept"), POINTER);
  await assert.rejects(find("unknown"), OriginDown);
});
