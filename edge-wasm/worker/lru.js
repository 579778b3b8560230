// @ts-check
//! A map with a weight limit that evicts the least recently used entries.

/** @template V */
export class Lru {
  /** @type {Map<string, { value: V, weight: number }>} */
  #entries = new Map();
  #limit;
  #total = 0;

  /** @param {number} limit the maximum weight of all entries */
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
    // Moved to the end; the first entry is evicted first.
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
