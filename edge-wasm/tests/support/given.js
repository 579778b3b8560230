//! Shared test data: a pointer, a plan, a context, and a promise that is resolved later.

export const PUBLIC_ID = "abcdefghijklmnopqrstu";

/** A master of 8 x 6 pixels. */
export const POINTER = {
  digest: "a".repeat(64),
  mediaType: "image/jpeg",
  width: 8,
  height: 6,
  hasAlpha: false,
};

/** A rendition of it. */
export const PLAN = {
  size: "4x4",
  status: 200,
  width: 4,
  height: 3,
  mediaType: "image/jpeg",
  extension: "jpg",
  etag: '"etag"',
};

/** A request's context, with the work that outlives the request. */
export function context() {
  const rest = [];
  return { waitUntil: (work) => rest.push(work), rest: () => Promise.allSettled(rest) };
}

/** A promise, with its resolve and reject functions. */
export function promised() {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
}

/** Runs all pending microtasks. */
export async function settle() {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
