//! A rendition's bytes: from the cache, from the module, or from the origin when the module
//! cannot make it. Equal requests at one time share the work.

import { keep, kept } from "./cache.js";
import { once } from "./once.js";
import { OriginDown } from "./origin.js";
import { CannotRender, render } from "./renderer.js";

export class Renditions {
  #making = new Map();
  #fetching = new Map();
  #origin;

  constructor(origin) {
    this.#origin = origin;
  }

  /** The bytes that a plan asks for. Throws `OriginDown` when they cannot be had. */
  bytes(publicId, pointer, plan, context) {
    if (isMaster(pointer, plan)) return this.#master(pointer.digest, context);
    return once(this.#making, plan.etag, context, () => this.#make(publicId, pointer, plan, context));
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
