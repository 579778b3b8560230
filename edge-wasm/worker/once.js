// @ts-check
//! One run of a task for all concurrent callers with the same key.

/** The request that runs a task may be stopped; after this time, a waiting caller runs it itself. */
const PATIENCE_MS = 3_000;

const LATE = Symbol("late");

/**
 * Runs `work` unless it already runs under this key; all callers get its outcome. `context` keeps
 * the work going when the client that began it goes away.
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
