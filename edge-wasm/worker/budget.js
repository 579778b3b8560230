// @ts-check
//! A limit on concurrent use: of bytes in flight, or of renders. A request for more waits for a
//! limited time in a short queue; beyond that, `Busy`.

/** Too much is in use, and will be for a while. */
export class Busy extends Error {}

/** Longest wait for a permit. Clients give up soon after, so later work would be wasted. */
const WAIT_LIMIT_MS = 5_000;
/** The runtime may stop a request silently; its permits lapse after this time. */
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
   * A permit for `weight`, which must be released. More than the whole limit takes all of it.
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
    // A heavy waiter at the head may have kept lighter ones waiting.
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

/** The right to use an amount of the budget. */
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

  /** Still in use: postpones the lapse. */
  extend() {
    this.until = Date.now() + LAPSE_MS;
  }

  /**
   * Changes the amount, when the actual use is more or less.
   * @param {number} weight
   */
  resize(weight) {
    const freed = this.#weight - weight;
    this.#weight = weight;
    this.#free(freed, false);
  }

  /** Gives everything back; repeated calls do nothing. */
  release() {
    const freed = this.#weight;
    this.#weight = 0;
    this.#free(freed, true);
  }
}
