//! A map that forgets what was used least recently once it is too heavy.

export class Lru {
  #entries = new Map();
  #limit;
  #total = 0;

  constructor(limit) {
    this.#limit = limit;
  }

  get(key) {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    // Put at the end; the first entry is the one to forget.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key, value, weight = 1) {
    this.delete(key);
    if (weight > this.#limit) return;
    this.#entries.set(key, { value, weight });
    this.#total += weight;
    while (this.#total > this.#limit) this.delete(this.#entries.keys().next().value);
  }

  delete(key) {
    const entry = this.#entries.get(key);
    if (entry) this.#total -= entry.weight;
    return this.#entries.delete(key);
  }
}
