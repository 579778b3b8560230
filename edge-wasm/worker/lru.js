// @ts-check
//! A map that forgets what was used least recently once it is too heavy.

/** @template V */
export class Lru {
  /** @type {Map<string, { value: V, weight: number }>} */
  #entries = new Map();
  #limit;
  #total = 0;

  /** @param {number} limit the most that all entries may weigh */
  constructor(limit) {
    this.#limit = limit;
  }

  /**
   * @param {string} key
   * @returns {V | undefined}
   */
  get(key) {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    // Put at the end; the first entry is the one to forget.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /**
   * @param {string} key
   * @param {V} value
   */
  set(key, value, weight = 1) {
    this.delete(key);
    if (weight > this.#limit) return;
    this.#entries.set(key, { value, weight });
    this.#total += weight;
    while (this.#total > this.#limit) this.delete(/** @type {string} */ (this.#entries.keys().next().value));
  }

  /** @param {string} key */
  delete(key) {
    const entry = this.#entries.get(key);
    if (entry) this.#total -= entry.weight;
    return this.#entries.delete(key);
  }
}
