//! Response headers, exactly as the origin writes them (`api/src/dialect/moov/public.rs`).

import assert from "node:assert/strict";
import { test } from "node:test";

import { pictureHeaders, refusal } from "../worker/headers.js";
import { PLAN, PUBLIC_ID } from "./support/given.js";

test("a picture has the origin's headers", () => {
  assert.deepEqual(Object.fromEntries(pictureHeaders(PUBLIC_ID, PLAN)), {
    "access-control-allow-origin": "*",
    "cache-control": "public, max-age=60, stale-while-revalidate=300",
    "content-disposition": `inline; filename="${PUBLIC_ID}.jpg"`,
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "etag": '"etag"',
    "vary": "Accept",
    "x-content-type-options": "nosniff",
  });
});

test("a refusal says why in JSON, and is kept by nobody", async () => {
  const response = refusal(405, "not here", { allow: "GET" });
  assert.equal(response.status, 405);
  assert.deepEqual(Object.fromEntries(response.headers), {
    "allow": "GET",
    "cache-control": "no-store",
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
  });
  assert.deepEqual(await response.json(), { error: "not here" });
});
