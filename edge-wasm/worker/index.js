// @ts-check
//! Photolog's edge: it responds to `GET /images/{publicID}?size=WxH` as the origin would.
//!
//! link -> pointer (a second old at most) -> plan (size, format, ETag) -> 304, or bytes from the
//! cache, the module, or the origin.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `pointers.js` | which picture a link shows |
//! | `push.js` | the origin's notification that a link has changed |
//! | `renditions.js` | bytes: cached, rendered, or the origin's |
//! | `renderer.js` | the WASM module, reset when it must be |
//! | `budget.js`, `written.js` | limits on bytes and renders in flight; a body that counts until it is written |
//! | `origin.js` | requests to the origin, with limits |
//! | `headers.js` | headers and refusals |
//! | `cache.js`, `once.js`, `lru.js` | the Cache API; one run of a task for all callers; a map with a limit |
//! | `cache-service.js` | the Cache API's store where the runtime has none |

import { Busy } from "./budget.js";
import { pictureHeaders, refusal } from "./headers.js";
import { Origin, OriginDown, PictureChanged, Withheld } from "./origin.js";
import { Pointers } from "./pointers.js";
import { PUSH_PATH, push } from "./push.js";
import { decide, isSize } from "./renderer.js";
import { Renditions } from "./renditions.js";
import { warmUp } from "./warm-up.js";
import { written } from "./written.js";

warmUp();

const PICTURE = /^\/images\/([^/]+)\/?$/;
/** The form of the origin's links; anything else is not requested from it. */
const PUBLIC_ID = /^[A-Za-z0-9_-]{21}$/;

/** @import { Bindings, Pointer } from "./origin.js" */

/**
 * One of each, shared by the requests of this isolate.
 * @type {{ pointers: Pointers, renditions: Renditions }}
 */
let shared;

export default {
  /**
   * @param {Request} request
   * @param {Bindings} env
   * @param {ExecutionContext} context
   */
  async fetch(request, env, context) {
    const answered = answerOrRefuse(request, env, context);
    // Even if the client has gone: permits are released at the end of the work.
    context.waitUntil(answered);
    return answered;
  },
};

/**
 * @param {Request} request
 * @param {Bindings} env
 * @param {ExecutionContext} context
 */
async function answerOrRefuse(request, env, context) {
  try {
    return await answer(request, env, context);
  } catch (problem) {
    const isExpected = [OriginDown, Busy, Withheld].some((kind) => problem instanceof kind);
    if (!isExpected) console.error(/** @type {Error} */ (problem)?.stack ?? problem);
    return refusal(503, "the picture cannot be had at the moment", { "retry-after": "1" });
  }
}

/**
 * @param {Request} request
 * @param {Bindings} env
 * @param {ExecutionContext} context
 */
async function answer(request, env, context) {
  const url = new URL(request.url);
  if (url.pathname === PUSH_PATH) {
    shared ??= share(env);
    return push(request, env.EDGE_SECRET, shared.pointers);
  }
  const path = PICTURE.exec(url.pathname);
  if (!path) return refusal(404, "there is nothing at this path");
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    return refusal(405, `method ${method} is not allowed here`, { allow: "GET, HEAD" });
  }
  const size = url.searchParams.get("size") ?? undefined;
  if (size !== undefined && !isSize(size)) return refusal(400, "size must look like 400x400");
  const publicId = path[1];
  if (!PUBLIC_ID.test(publicId)) return refusal(404, "image not found");

  shared ??= share(env);
  const pointer = await shared.pointers.find(publicId, context);
  try {
    return await show(request, publicId, size, pointer, context);
  } catch (problem) {
    if (!(problem instanceof PictureChanged)) throw problem;
    shared.pointers.changed(publicId);
    const present = await shared.pointers.find(publicId, context);
    return show(request, publicId, size, present, context);
  }
}

/**
 * The picture that a pointer names, or a refusal.
 * @param {Request} request
 * @param {string} publicId
 * @param {string | undefined} size
 * @param {Pointer | null} pointer
 * @param {ExecutionContext} context
 */
async function show(request, publicId, size, pointer, context) {
  if (!pointer) return refusal(404, "image not found");
  const header = (/** @type {string} */ name) => request.headers.get(name) ?? undefined;
  const plan = decide(pointer, size, header("accept"), header("if-none-match"));
  if (plan.status === 406) {
    return refusal(406, "the picture can be had as image/jpeg, image/png or image/webp");
  }
  const headers = pictureHeaders(publicId, plan);
  if (plan.status === 304) return new Response(null, { status: 304, headers });
  const { bytes, permit } = await shared.renditions.bytes(publicId, pointer, plan, context);
  headers.set("content-type", plan.mediaType);
  headers.set("content-length", String(bytes.byteLength));
  if (request.method === "GET") return new Response(written(bytes, permit, context), { headers });
  permit.release();
  return new Response(null, { headers });
}

/** @param {Bindings} env */
function share(env) {
  const origin = new Origin(env);
  return { pointers: new Pointers(origin), renditions: new Renditions(origin) };
}
