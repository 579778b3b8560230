//! The edge in workerd against its origin. Run by `cargo xtask edge --test`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { png } from "./pictures.mjs";
import { startWorld } from "./world.mjs";

const SIZES = [null, "100x100", "37x0", "0x64", "0x0", "1x1", "99999x99999"];
const ACCEPTS = [
  undefined,
  "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
  "image/jpeg;q=1, image/png;q=0.7, image/webp;q=0",
  "image/webp",
  "text/html",
];
/** Every pixel as the origin's; these headers differ from answer to answer. */
const OF_THE_MOMENT = [
  "date", "connection", "keep-alive", "x-request-id", "x-compute-request-id", "x-uploadcare-request-id",
];

let world;
let seed = 1;
before(async () => {
  world = await startWorld();
});
after(() => world?.stop());
const fresh = (options) => world.upload(png(640, 427, { seed: seed++, ...options }));

async function look(base, path, headers = {}, method = "GET") {
  // An undefined Accept is left to `fetch`, which sends */*.
  const sent = Object.entries(headers).filter(([, value]) => value !== undefined);
  const response = await fetch(base + path, { headers: Object.fromEntries(sent), method });
  const told = [...response.headers].filter(([name]) => !OF_THE_MOMENT.includes(name));
  return { status: response.status, headers: Object.fromEntries(told), body: Buffer.from(await response.arrayBuffer()) };
}

/** Edge and origin, asked the same, answer the same. */
async function assertSame(path, headers, method) {
  const [edge, origin] = [await look(world.edge, path, headers, method), await look(world.origin, path, headers, method)];
  const what = `${method ?? "GET"} ${path} ${JSON.stringify(headers ?? {})}`;
  assert.equal(edge.status, origin.status, what);
  assert.deepEqual(edge.headers, origin.headers, what);
  assert.ok(edge.body.equals(origin.body), `${what}: ${edge.body.length} and ${origin.body.length} bytes`);
  return edge;
}

test("every picture, size and Accept looks as at the origin", async (context) => {
  const sources = {
    rgb: png(1200, 801),
    rgba: png(500, 333, { channels: 4 }),
    grey: png(301, 299, { channels: 1 }),
    "grey and alpha": png(64, 65, { channels: 2 }),
    "16 bits": png(333, 222, { bits: 16 }),
    "one pixel": png(1, 1),
    "a line": png(37, 1),
    "a long line": png(16384, 1),
    "larger than a master": png(3000, 2100, { seed: 9 }),
  };
  const photo = await world.upload(png(901, 602, { seed: 3 }));
  for (const accept of ["image/jpeg", "image/webp"]) {
    const { body } = await look(world.origin, `/images/${photo.publicID}?size=0x0`, { accept });
    sources[accept] = body;
  }
  for (const [name, bytes] of Object.entries(sources)) {
    await context.test(name, async () => {
      const { publicID } = await world.upload(bytes);
      for (const size of SIZES) {
        for (const accept of ACCEPTS) {
          await assertSame(`/images/${publicID}${size ? `?size=${size}` : ""}`, { accept });
        }
      }
    });
  }
});

test("refusals are the origin's, and a bad size is refused without asking it", async () => {
  const { publicID } = await fresh();
  const link = `/images/${publicID}`;
  world.gate.seen.length = 0;
  for (const size of ["", "400", "-1x1", "400x400x400", "100000x1", "4x4%20"]) {
    const answer = await assertSame(`${link}?size=${size}`);
    assert.equal(answer.status, 400);
  }
  await assertSame(link, {}, "POST");
  await assertSame(link, {}, "DELETE");
  assert.deepEqual(world.gate.seen, []);
  await assertSame("/images/nobody");
  await assertSame("/images/abcdefghij_-ABCDEFGH1");
});

test("HEAD tells the length, and other parameters change nothing", async () => {
  const { publicID } = await fresh();
  await assertSame(`/images/${publicID}`, {}, "HEAD");
  await assertSame(`/images/${publicID}/?a=1&size=50x50&size=60x60&b`);
});

test("a known ETag is answered 304", async () => {
  const { publicID } = await fresh();
  const { headers } = await look(world.edge, `/images/${publicID}`);
  for (const known of [headers.etag, `W/${headers.etag}`, `"x", ${headers.etag}`, "*"]) {
    const answer = await assertSame(`/images/${publicID}`, { "if-none-match": known });
    assert.equal(answer.status, 304);
  }
  await assertSame(`/images/${publicID}`, { "if-none-match": '"other"' });
});

test("equal requests at one time are one piece of work", async () => {
  const { publicID } = await fresh();
  world.gate.seen.length = 0;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => look(world.edge, `/images/${publicID}?size=77x77`)),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(world.gate.seen.filter((url) => url.startsWith("/edge/pointers/")).length, 1);
  assert.equal(world.gate.seen.filter((url) => url.startsWith("/edge/masters/")).length, 1);
});

test("a replaced picture shows within 1.1 s", async () => {
  const image = await fresh();
  const path = `/images/${image.publicID}`;
  await look(world.edge, path);
  for (let round = 0; round < 5; round++) {
    const { headers: old } = await look(world.edge, path);
    await world.upload(png(640, 427, { seed: seed++ }), image.imageID);
    const replaced = performance.now();
    for (;;) {
      const { headers } = await look(world.edge, path);
      const took = performance.now() - replaced;
      if (headers.etag !== old.etag) break;
      assert.ok(took < 1100, `still the old one after ${took} ms`);
      await sleep(10);
    }
    await assertSame(path);
  }
});

for (const mode of ["shut", "silent", "failing"]) {
  test(`what was served goes on being served by an origin that is ${mode}`, async () => {
    const { publicID } = await fresh();
    const unseen = await fresh();
    const path = `/images/${publicID}?size=90x90`;
    const before = await look(world.edge, path);
    await sleep(1_050);
    world.gate.mode = mode;
    try {
      const started = performance.now();
      const stale = await look(world.edge, path);
      assert.ok(performance.now() - started < 1_500);
      assert.equal(stale.status, 200);
      assert.ok(stale.body.equals(before.body));
      // The master is kept as well, so sizes that nobody asked for yet can be made.
      assert.equal((await look(world.edge, `/images/${publicID}?size=91x91`)).status, 200);
      const unknown = await look(world.edge, `/images/${unseen.publicID}`);
      assert.equal(unknown.status, 503);
      assert.equal(unknown.headers["cache-control"], "no-store");
    } finally {
      world.gate.mode = "open";
    }
    assert.equal((await look(world.edge, `/images/${unseen.publicID}`)).status, 200);
  });
}

test("a master with other bytes is not rendered; the origin's rendition is shown", async () => {
  const { publicID } = await fresh();
  world.gate.mode = "spoiling";
  try {
    await assertSame(`/images/${publicID}?size=80x80`);
  } finally {
    world.gate.mode = "open";
  }
});

test("the origin's edge endpoints want the secret", async () => {
  const { publicID } = await fresh();
  const path = `/edge/pointers/${publicID}`;
  assert.equal((await look(world.origin, path)).status, 401);
  assert.equal((await look(world.origin, path, { authorization: "Bearer nonsense" })).status, 401);
  const authorization = `Bearer ${world.secret}`;
  const pointer = await look(world.origin, path, { authorization });
  assert.equal(pointer.status, 200);
  const { etag } = pointer.headers;
  assert.equal(etag, `"${JSON.parse(pointer.body).digest}"`);
  const again = await look(world.origin, path, { authorization, "if-none-match": etag });
  assert.equal(again.status, 304);
  const unknown = `/edge/masters/${"0".repeat(64)}`;
  assert.equal((await look(world.origin, unknown, { authorization })).status, 404);
});
