// @ts-check
//! One piece of work for everybody who asks for the same thing at the same time.

/** A worker may be stopped with its request; who waits for it does the work itself after this. */
const PATIENCE_MS = 3_000;

const LATE = Symbol("late");

/**
 * Runs `work` unless it runs already under this key; all get its outcome. `context` keeps the
 * work going when the client that began it goes away.
 * @template T
 * @param {Map<string, Promise<T>>} running
 * @param {string} key
 * @param {Pick<ExecutionContext, "waitUntil">} context
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function once(running, key, context, work) {
  const there = running.get(key);
  if (there) {
    const outcome = await inTime(there);
    if (outcome !== LATE) return /** @type {T} */ (outcome);
  }
  const promise = work();
  running.set(key, promise);
  const done = () => {
    if (running.get(key) === promise) running.delete(key);
  };
  context.waitUntil(promise.then(done, done));
  return promise;
}

/**
 * @template T
 * @param {Promise<T>} promise
 */
async function inTime(promise) {
  let timer = /** @type {number | null} */ (null);
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, LATE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
