// @ts-check
//! A rendition's bytes: from memory, from the cache, from the module, or from the origin when the
//! module cannot make it. Concurrent equal requests share the work, and the number of bytes in
//! flight is limited, from before they are made until they are written.

import { Budget } from "./budget.js";
import { keep, kept } from "./cache.js";
import { Lru } from "./lru.js";
import { once } from "./once.js";
import { OriginDown } from "./origin.js";
import { CannotRender, isPicture, render } from "./renderer.js";

const MEBIBYTE = 1024 * 1024;

/** The memory for frequently requested renditions. */
const MEMORY_LIMIT = 8 * MEBIBYTE;
/** Ordinary pictures have a budget of their own, so that huge ones cannot keep them waiting. */
const LARGE = MEBIBYTE;
const SMALL_LIMIT = 12 * MEBIBYTE;
const LARGE_LIMIT = 20 * MEBIBYTE;
const MOST_WAITING = 64;
/** The module is one instance on one thread: loading a second master would only take memory. */
const RENDERS = 1;
/**
 * The most bytes that a pixel takes in a file, to which those of the head are added.
 * @type {Record<string, number>}
 */
const BYTES_OF_A_PIXEL = { "image/jpeg": 1, "image/png": 4, "image/webp": 4 };
const BYTES_OF_A_HEAD = 4 * 1024;

/** @import { Origin, Pointer } from "./origin.js" */
/** @import { Plan } from "./renderer.js" */
/** @typedef {Pick<ExecutionContext, "waitUntil">} Context */

export class Renditions {
  /** @type {Lru<Uint8Array>} */
  #hot = new Lru(MEMORY_LIMIT);
  /** @type {Map<string, Promise<Uint8Array>>} */
  #making = new Map();
  /** @type {Map<string, Promise<Uint8Array>>} */
  #fetching = new Map();
  #small = new Budget(SMALL_LIMIT, MOST_WAITING);
  #large = new Budget(LARGE_LIMIT, MOST_WAITING);
  #renders = new Budget(RENDERS, MOST_WAITING);
  #origin;

  /** @param {Pick<Origin, "master" | "rendition">} origin */
  constructor(origin) {
    this.#origin = origin;
  }

  /**
   * The bytes that a plan requires, and the permit to hold them until they are written. Throws
   * `OriginDown` when they are not available, `Busy` when too much is in flight.
   * @param {string} publicId
   * @param {Pointer} pointer
   * @param {Plan} plan
   * @param {Context} context
   */
  async bytes(publicId, pointer, plan, context) {
    const hot = this.#hot.get(plan.etag);
    if (hot) return { bytes: hot, permit: await this.#take(hot.byteLength) };
    const permit = await this.#take(mostBytes(plan));
    try {
      const make = () => this.#make(publicId, pointer, plan, context);
      const bytes = await once(this.#making, plan.etag, context, make);
      permit.resize(bytes.byteLength);
      if (bytes.byteLength <= LARGE) this.#hot.set(plan.etag, bytes, bytes.byteLength);
      return { bytes, permit };
    } catch (problem) {
      permit.release();
      throw problem;
    }
  }

  /** @param {number} bytes */
  #take(bytes) {
    return (bytes > LARGE ? this.#large : this.#small).take(bytes);
  }

  /**
   * @param {string} publicId
   * @param {Pointer} pointer
   * @param {Plan} plan
   * @param {Context} context
   */
  async #make(publicId, pointer, plan, context) {
    // It is already cached under its own name.
    if (isMaster(pointer, plan)) {
      return this.#orTheOrigins(publicId, plan, () => this.#master(pointer, context));
    }
    const name = `renditions/${plan.etag.slice(1, -1)}`;
    const there = await kept(name);
    if (there) return there;
    const made = await this.#orTheOrigins(publicId, plan, () => this.#render(pointer, plan, context));
    context.waitUntil(keep(name, made));
    return made;
  }

  /**
   * @param {Pointer} pointer
   * @param {Plan} plan
   * @param {Context} context
   */
  async #render(pointer, plan, context) {
    const turn = await this.#renders.take(1);
    try {
      return render(await this.#master(pointer, context), pointer, plan);
    } finally {
      turn.release();
    }
  }

  /**
   * @param {string} publicId
   * @param {Plan} plan
   * @param {() => Uint8Array | Promise<Uint8Array>} work
   */
  async #orTheOrigins(publicId, plan, work) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof CannotRender || problem instanceof OriginDown)) throw problem;
      console.warn(`asking the origin for ${plan.etag}: ${problem.message}`);
      return real(await this.#origin.rendition(publicId, plan), plan);
    }
  }

  /**
   * @param {Pointer} pointer
   * @param {Context} context
   */
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

/**
 * The bytes, if they are the promised picture: nothing else is shown or cached.
 * @param {Uint8Array} bytes
 * @param {Pick<Plan, "width" | "height" | "mediaType">} promised
 */
function real(bytes, promised) {
  if (isPicture(bytes, promised)) return bytes;
  throw new OriginDown("the origin's bytes are not the picture that it promised");
}

/**
 * The master's own size and format: its bytes are the rendition.
 * @param {Pointer} pointer
 * @param {Plan} plan
 */
function isMaster(pointer, plan) {
  const { width, height, mediaType } = plan;
  return pointer.width === width && pointer.height === height && pointer.mediaType === mediaType;
}

/**
 * More than a rendition has, except for the strangest pictures.
 * @param {Plan} plan
 */
function mostBytes({ width, height, mediaType }) {
  return width * height * BYTES_OF_A_PIXEL[mediaType] + BYTES_OF_A_HEAD;
}
