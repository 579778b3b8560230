//! Photolog's edge: `GET /images/{publicID}?size=WxH`, answered as the origin would.
//!
//! link -> pointer (a second old at most) -> plan (size, format, ETag) -> 304, or bytes from the
//! cache, the module, or the origin.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `pointers.js` | which picture a link shows |
//! | `push.js` | the origin's word that a link has changed |
//! | `renditions.js` | bytes: cached, rendered, or the origin's |
//! | `renderer.js` | the WASM module, reset when it must be |
//! | `origin.js` | questions to the origin, with limits |
//! | `headers.js` | headers and refusals |
//! | `cache.js`, `once.js`, `lru.js` | the Cache API; one piece of work for many; a map with a limit |
//! | `cache-service.js` | the Cache API's store where the runtime brings none |

import { pictureHeaders, refusal } from "./headers.js";
import { Origin, OriginDown } from "./origin.js";
import { Pointers } from "./pointers.js";
import { PUSH_PATH, push } from "./push.js";
import { decide, isSize } from "./renderer.js";
import { Renditions } from "./renditions.js";
import { warmUp } from "./warm-up.js";

warmUp();

const PICTURE = /^\/images\/([^/]+)\/?$/;
const PUBLIC_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** One of each, shared by the requests of this isolate. */
let shared;

export default {
  async fetch(request, env, context) {
    try {
      return await answer(request, env, context);
    } catch (problem) {
      if (!(problem instanceof OriginDown)) console.error(problem?.stack ?? problem);
      return refusal(503, "the picture cannot be had at the moment", { "retry-after": "1" });
    }
  },
};

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
  if (!pointer) return refusal(404, "image not found");
  const header = (name) => request.headers.get(name) ?? undefined;
  const plan = decide(pointer, size, header("accept"), header("if-none-match"));
  if (plan.status === 406) {
    return refusal(406, "the picture can be had as image/jpeg, image/png or image/webp");
  }
  const headers = pictureHeaders(publicId, plan);
  if (plan.status === 304) return new Response(null, { status: 304, headers });
  const bytes = await shared.renditions.bytes(publicId, pointer, plan, context);
  headers.set("content-type", plan.mediaType);
  headers.set("content-length", bytes.byteLength);
  return new Response(method === "HEAD" ? null : bytes, { headers });
}

function share(env) {
  const origin = new Origin(env);
  return { pointers: new Pointers(origin), renditions: new Renditions(origin) };
}
