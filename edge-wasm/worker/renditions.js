//! A rendition's bytes: from memory, from the cache, from the module, or from the origin when the module
//! cannot make it. Equal requests at one time share the work.

import { keep, kept } from "./cache.js";
import { Lru } from "./lru.js";
import { once } from "./once.js";
import { OriginDown } from "./origin.js";
import { CannotRender, isPicture, render } from "./renderer.js";

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
    const make = () => this.#make(publicId, pointer, plan, context);
    const bytes = await once(this.#making, plan.etag, context, make);
    this.#hot.set(plan.etag, bytes, bytes.byteLength);
    return bytes;
  }

  async #make(publicId, pointer, plan, context) {
    const master = () => this.#master(pointer, context);
    // It is kept already, under its own name.
    if (isMaster(pointer, plan)) return this.#orTheOrigins(publicId, plan, master);
    const name = `renditions/${plan.etag.slice(1, -1)}`;
    const there = await kept(name);
    if (there) return there;
    const made = await this.#orTheOrigins(publicId, plan, async () => render(await master(), plan));
    context.waitUntil(keep(name, made));
    return made;
  }

  async #orTheOrigins(publicId, plan, work) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof CannotRender || problem instanceof OriginDown)) throw problem;
      console.warn(`asking the origin for ${plan.etag}: ${problem.message}`);
      return real(await this.#origin.rendition(publicId, plan), plan);
    }
  }

  #master(pointer, context) {
    return once(this.#fetching, pointer.digest, context, async () => {
      const name = `masters/${pointer.digest}`;
      const there = await kept(name);
      if (there) return there;
      const bytes = real(await this.#origin.master(pointer.digest), pointer);
      context.waitUntil(keep(name, bytes));
      return bytes;
    });
  }
}

/** The bytes, when they are the picture that was promised: nothing else is shown or kept. */
function real(bytes, promised) {
  if (isPicture(bytes, promised)) return bytes;
  throw new OriginDown("the origin's bytes are not the picture that it promised");
}

/** The master's own size and format: its bytes are the rendition. */
function isMaster(pointer, plan) {
  const { width, height, mediaType } = plan;
  return pointer.width === width && pointer.height === height && pointer.mediaType === mediaType;
}
