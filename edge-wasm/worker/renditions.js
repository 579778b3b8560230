//! A rendition's bytes: from memory, from the cache, from the module, or from the origin when the module
//! cannot make it. Equal requests at one time share the work.

import { keep, kept } from "./cache.js";
import { Lru } from "./lru.js";
import { once } from "./once.js";
import { OriginDown } from "./origin.js";
import { CannotRender, render } from "./renderer.js";

/** Of the 128 MB that an isolate has, what renditions asked for again and again may take. */
const MEMORY_LIMIT = 16 * 1024 * 1024;

export class Renditions {
  #hot = new Lru(MEMORY_LIMIT);
  #making = new Map();
  #fetching = new Map();
  #origin;

  constructor(origin) {
    this.#origin = origin;
  }

  /** The bytes that a plan asks for. Throws `OriginDown` when they cannot be had. */
  async bytes(publicId, pointer, plan, context) {
    const hot = this.#hot.get(plan.etag);
    if (hot) return hot;
    const bytes = isMaster(pointer, plan)
      ? await this.#master(pointer.digest, context)
      : await once(this.#making, plan.etag, context, () => this.#make(publicId, pointer, plan, context));
    this.#hot.set(plan.etag, bytes, bytes.byteLength);
    return bytes;
  }

  async #make(publicId, pointer, plan, context) {
    const name = `renditions/${plan.etag.slice(1, -1)}`;
    const there = await kept(name);
    if (there) return there;
    const made = await this.#renderOrAsk(publicId, pointer, plan, context);
    context.waitUntil(keep(name, made));
    return made;
  }

  async #renderOrAsk(publicId, pointer, plan, context) {
    try {
      return render(await this.#master(pointer.digest, context), plan);
    } catch (problem) {
      if (!(problem instanceof CannotRender || problem instanceof OriginDown)) throw problem;
      console.warn(`asking the origin for ${plan.etag}: ${problem.message}`);
      return this.#origin.rendition(publicId, plan);
    }
  }

  #master(digest, context) {
    return once(this.#fetching, digest, context, async () => {
      const name = `masters/${digest}`;
      const there = await kept(name);
      if (there) return there;
      const bytes = await this.#origin.master(digest);
      context.waitUntil(keep(name, bytes));
      return bytes;
    });
  }
}

/** The master's own size and format: its bytes are the rendition. */
function isMaster(pointer, plan) {
  const { width, height, mediaType } = plan;
  return pointer.width === width && pointer.height === height && pointer.mediaType === mediaType;
}
