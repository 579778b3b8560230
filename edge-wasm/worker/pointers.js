// @ts-check
//! Which picture a link shows: fresh for a second, or until the origin reports a change, then
//! revalidated by ETag. When the origin is down, the last known pointer stays in use. A missing
//! link is cached for a second as well, and no longer.

import { keep, kept } from "./cache.js";
import { Lru } from "./lru.js";
import { once } from "./once.js";
import { Withheld } from "./origin.js";

const TTL_MS = 1_000;
const MOST_ENTRIES = 10_000;

/** @import { Origin, Pointer } from "./origin.js" */
/** @typedef {Pick<ExecutionContext, "waitUntil">} Context */

export class Pointers {
  /** @type {Lru<{ pointer: Pointer, until: number }>} */
  #known = new Lru(MOST_ENTRIES);
  /**
   * Until when a link counts as missing; separate, so that guesses do not evict links.
   * @type {Lru<number>}
   */
  #missing = new Lru(MOST_ENTRIES);
  /** @type {Map<string, Promise<Pointer | null>>} */
  #asking = new Map();
  /**
   * When the origin last reported a change of a link.
   * @type {Lru<number>}
   */
  #changed = new Lru(MOST_ENTRIES);
  #origin;

  /** @param {Pick<Origin, "pointer">} origin */
  constructor(origin) {
    this.#origin = origin;
  }

  /**
   * The pointer, or `null` when there is no such link. Throws `OriginDown` when unknown, `Withheld`
   * when its picture must not be shown.
   * @param {string} publicId
   * @param {Context} context
   * @returns {Promise<Pointer | null>}
   */
  async find(publicId, context) {
    const entry = this.#known.get(publicId);
    if (entry && Date.now() < entry.until) return entry.pointer;
    if (Date.now() < /** @type {number} */ (this.#missing.get(publicId))) return null;
    return once(this.#asking, publicId, context, () => this.#ask(publicId, entry?.pointer, context));
  }

  /**
   * Earlier responses are no longer fresh.
   * @param {string} publicId
   */
  changed(publicId) {
    this.#asking.delete(publicId);
    this.#missing.delete(publicId);
    this.#changed.set(publicId, Date.now());
    const entry = this.#known.get(publicId);
    if (entry) entry.until = 0;
  }

  /**
   * @param {string} publicId
   * @param {Pointer | undefined} known
   * @param {Context} context
   */
  async #ask(publicId, known, context) {
    // The second counts from the request: the response may be as old as that.
    const asked = Date.now();
    let pointer;
    try {
      pointer = await this.#origin.pointer(publicId, known);
    } catch (problem) {
      if (problem instanceof Withheld) {
        this.#known.delete(publicId);
        throw problem;
      }
      pointer = known ?? (await lastKnown(publicId));
      if (!pointer) throw problem;
      this.#keep(publicId, pointer, Date.now() + TTL_MS);
      return pointer;
    }
    // If a change was reported while the request was in flight, the response may predate it.
    const isOld = asked <= (this.#changed.get(publicId) ?? -1);
    const until = isOld ? 0 : asked + TTL_MS;
    if (pointer) {
      this.#keep(publicId, pointer, until);
      if (pointer !== known) context.waitUntil(remember(publicId, pointer));
    } else {
      this.#known.delete(publicId);
      this.#missing.set(publicId, until);
    }
    return pointer;
  }

  /**
   * @param {string} publicId
   * @param {Pointer} pointer
   * @param {number} until
   */
  #keep(publicId, pointer, until) {
    this.#known.set(publicId, { pointer, until });
  }
}

/**
 * @param {string} publicId
 * @param {Pointer} pointer
 */
function remember(publicId, pointer) {
  return keep(`pointers/${publicId}`, new TextEncoder().encode(JSON.stringify(pointer)));
}

/**
 * @param {string} publicId
 * @returns {Promise<Pointer | null>}
 */
async function lastKnown(publicId) {
  const bytes = await kept(`pointers/${publicId}`);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}
