// @ts-check
//! A limit on what is in use at one time: bytes in flight, or renders. A request for more waits in a
//! short queue, and not for long; beyond that, `Busy`.

/** Too much is in use, and will be for a while. */
export class Busy extends Error {}

/** Longest wait for a place. Clients give up not much later, and their work would be wasted. */
const WAIT_LIMIT_MS = 5_000;
/** The runtime may stop a request without a word; what it held is free again after this. */
const LAPSE_MS = 60_000;

/** @typedef {{ wanted: number, resolve: () => void, permit?: Permit }} Waiter */

export class Budget {
  #limit;
  #mostWaiting;
  #used = 0;
  /** @type {Set<Permit>} */
  #permits = new Set();
  /** @type {Waiter[]} */
  #waiting = [];

  /**
   * @param {number} limit the most in use at one time
   * @param {number} mostWaiting the longest queue
   */
  constructor(limit, mostWaiting) {
    this.#limit = limit;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * A permit for so much: it is to be released. What is larger than the whole limit takes all of it.
   * Throws `Busy` when the queue is full or the wait too long.
   * @param {number} weight
   * @returns {Promise<Permit>}
   */
  async take(weight) {
    const wanted = Math.min(weight, this.#limit);
    this.#lapse();
    if (this.#waiting.length === 0 && this.#fits(wanted)) return this.#grant(wanted);
    if (this.#waiting.length >= this.#mostWaiting) throw new Busy("the queue is full");
    return this.#turn(wanted);
  }

  /** @param {number} wanted */
  async #turn(wanted) {
    const waiter = /** @type {Waiter} */ ({ wanted });
    /** @type {Promise<void>} */
    const granted = new Promise((resolve) => {
      waiter.resolve = resolve;
    });
    this.#waiting.push(waiter);
    let timer = /** @type {number | null} */ (null);
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, WAIT_LIMIT_MS);
    });
    try {
      await Promise.race([granted, late]);
    } finally {
      clearTimeout(timer);
    }
    if (waiter.permit) return waiter.permit;
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    // A heavy one at the head may have kept lighter ones waiting.
    this.#serve();
    throw new Busy("the wait was too long");
  }

  /** @param {number} weight */
  #fits(weight) {
    return this.#used + weight <= this.#limit;
  }

  /**
   * @param {number} weight
   * @returns {Permit}
   */
  #grant(weight) {
    const permit = new Permit(weight, (freed, isLast) => {
      if (isLast) this.#permits.delete(permit);
      this.#used -= freed;
      this.#serve();
    });
    this.#permits.add(permit);
    this.#used += weight;
    return permit;
  }

  #serve() {
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0].wanted)) {
      const waiter = /** @type {Waiter} */ (this.#waiting.shift());
      waiter.permit = this.#grant(waiter.wanted);
      waiter.resolve();
    }
  }

  #lapse() {
    const now = Date.now();
    for (const permit of this.#permits) {
      if (permit.until < now) permit.release();
    }
  }
}

/** The right to use so much. */
export class Permit {
  #weight;
  #free;
  /** When it lapses. */
  until = 0;

  /**
   * @param {number} weight
   * @param {(freed: number, isLast: boolean) => void} free
   */
  constructor(weight, free) {
    this.#weight = weight;
    this.#free = free;
    this.extend();
  }

  /** Still in use: it lapses later. */
  extend() {
    this.until = Date.now() + LAPSE_MS;
  }

  /**
   * What is used turned out to be more or less.
   * @param {number} weight
   */
  resize(weight) {
    const freed = this.#weight - weight;
    this.#weight = weight;
    this.#free(freed, false);
  }

  /** Gives everything back; once is enough, and more does no harm. */
  release() {
    const freed = this.#weight;
    this.#weight = 0;
    this.#free(freed, true);
  }
}
