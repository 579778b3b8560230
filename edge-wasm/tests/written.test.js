//! Bodies that are in flight until they are written.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { written } from "../worker/written.js";
import { context, settle } from "./support/given.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

const PIECE = 256 * 1024;

/** A permit that counts its calls. */
function permit() {
  const counted = { extended: 0, released: 0 };
  return { counted, extend: () => (counted.extended += 1), release: () => (counted.released += 1) };
}

test("a body is written in pieces, and its permit given back at the end", async () => {
  const bytes = new Uint8Array(2 * PIECE + 5).map((_, at) => at);
  const [held, request] = [permit(), context()];
  const body = written(bytes, held, request);
  assert.equal(held.counted.released, 0);
  const pieces = [];
  for await (const piece of body) pieces.push(piece);
  await request.rest();
  assert.deepEqual(pieces.map((piece) => piece.byteLength), [PIECE, PIECE, 5]);
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(bytes));
  assert.deepEqual(held.counted, { extended: 3, released: 1 });
});

test("a client that goes away gives the permit back", async () => {
  const [held, request] = [permit(), context()];
  const reader = written(new Uint8Array(4 * PIECE), held, request).getReader();
  await reader.read();
  await reader.cancel("gone");
  await request.rest();
  assert.equal(held.counted.released, 1);
});

test("a client that reads no piece within eight seconds is cut off", async () => {
  const [held, request] = [permit(), context()];
  const reader = written(new Uint8Array(4 * PIECE), held, request).getReader();
  for (let read = 0; read < 2; read += 1) {
    mock.timers.tick(7_999);
    assert.equal((await reader.read()).value.byteLength, PIECE);
    await settle();
  }
  assert.equal(held.counted.released, 0);
  mock.timers.tick(8_000);
  await request.rest();
  assert.equal(held.counted.released, 1);
  await assert.rejects(reader.read(), /too slowly/);
});
