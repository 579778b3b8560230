//! The render before the first request.

import assert from "node:assert/strict";
import { test } from "node:test";

import { warmUp } from "../worker/warm-up.js";
import { module } from "./support/glue.js";

test("a real PNG of 8 x 8 pixels is rendered as JPEG and as PNG", () => {
  warmUp();
  assert.deepEqual(
    module.renders.map(([, ...rendition]) => rendition),
    [
      [4, 4, "image/jpeg"],
      [4, 4, "image/png"],
    ],
  );
  for (const [master] of module.renders) {
    assert.deepEqual([...master.slice(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const header = new DataView(master.buffer);
    assert.deepEqual([header.getUint32(16), header.getUint32(20)], [8, 8]);
  }
});
